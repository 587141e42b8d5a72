//! The network is cut without a reset: nothing arrives any more, and nobody is told.

use tests::{Nats, Postgres, Proxy, Signal, eventually};

use crate::child::Child;
use crate::place::{BOTH, LONG, Place};

/// A child behind links that can be cut: one to the broker, one to the database.
async fn behind_links(place: &Place, postgres: &Postgres, nats: &Nats) -> (Child, Proxy, Proxy) {
    let (to_nats, to_postgres) = (Proxy::start(nats.address()).await, Proxy::start(postgres.address()).await);
    let launch = place
        .child(BOTH)
        .env("NATS_URL", to_nats.url(&nats.url()))
        .env("DATABASE_URL", to_postgres.url(place.database()))
        .env("DATABASE_STATEMENT_TIMEOUT", "2s")
        .env("DATABASE_ACQUIRE_TIMEOUT", "3s")
        .env("SHUTDOWN_TIMEOUT", "3s");
    (Child::ready(launch).await, to_nats, to_postgres)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_connection_is_noticed_and_replaced() {
    let (postgres, nats) = (Postgres::shared().await, Nats::start().await);
    let place = Place::on(postgres, &nats).await;
    let (child, to_nats, to_postgres) = behind_links(&place, postgres, &nats).await;
    let writers = place.writers(4);
    place.handled(30).await;
    // the far side is gone, and the near side is never told
    to_nats.half_open();
    to_postgres.half_open();
    let before = to_nats.accepted();
    eventually(LONG, async || if to_nats.accepted() > before { Ok(()) } else { Err("the same connection") }).await;
    place.handled(30).await;
    // a cable that is pulled, and put back
    to_nats.blackhole();
    to_postgres.blackhole();
    child.says("health: database false, bus false").await;
    to_nats.heal();
    to_postgres.heal();
    place.handled(30).await;
    writers.stop().await;
    place.holds_and_ends([child]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_its_turn_with_its_database_goes_on_when_both_are_back() {
    let (postgres, nats) = (Postgres::shared().await, Nats::start().await);
    let place = Place::on(postgres, &nats).await;
    let (child, _to_nats, to_postgres) = behind_links(&place, postgres, &nats).await;
    let writers = place.writers(4);
    place.handled(30).await;
    to_postgres.cut();
    child.says("paused: what the subscription needs is away").await;
    child.says("another process may have this subscription now").await;
    to_postgres.heal();
    place.handled(30).await;
    writers.stop().await;
    place.holds_and_ends([child]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_comes_at_its_deadline_and_says_what_was_open() {
    let (postgres, nats) = (Postgres::shared().await, Nats::start().await);
    let place = Place::on(postgres, &nats).await;
    let (child, to_nats, to_postgres) = behind_links(&place, postgres, &nats).await;
    let writers = place.writers(4);
    place.handled(30).await;
    to_nats.blackhole();
    to_postgres.blackhole();
    child.signal(Signal::Term);
    child.ended(LONG).await;
    let log = child.log();
    let says = ["handlers were cancelled at the shutdown deadline", "a connection is still in use", "stopped"];
    assert!(says.iter().any(|text| log.contains(text)), "{log}");
    writers.stop().await;
    // what the servers find out within minutes by the keep-alive of TCP, and then undo what it had begun
    to_nats.cut();
    to_postgres.cut();
    let child = place.serve().await;
    place.holds_and_ends([child]).await;
}
