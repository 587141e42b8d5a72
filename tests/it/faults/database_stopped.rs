//! Postgres is frozen for a while: connections stay open, and nobody answers.

use std::time::Duration;

use shared::db::DbOptions;
use shared::prelude::*;
use tests::{Nats, Postgres};

use crate::child::Child;
use crate::ledger::Entry;
use crate::place::{BOTH, Place};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_is_told_and_nothing_is_parked() {
    let (postgres, nats) = (Postgres::start().await, Nats::start().await);
    let place = Place::on(&postgres, &nats).await;
    let launch = place.child(BOTH).env("DATABASE_STATEMENT_TIMEOUT", "1s").env("DATABASE_ACQUIRE_TIMEOUT", "2s");
    let child = Child::ready(launch).await;
    let options = DbOptions::new(place.database()).statement_timeout(Duration::from_secs(1)).max_connections(2);
    let db = options.acquire_timeout(Duration::from_secs(2)).connect().await.expect("it is there");
    let writers = place.writers(4);
    for _ in 0..2 {
        place.handled(30).await;
        postgres.stop();
        for _ in 0..3 {
            let asked = db.repo::<Entry>().count().await;
            assert!(matches!(asked, Err(Error::Timeout { .. } | Error::Busy { .. })), "{asked:?}");
        }
        child.says("health: database false, bus true").await;
        child.says("the database is away; the event waits").await;
        postgres.cont();
    }
    place.handled(30).await;
    db.repo::<Entry>().count().await.expect("dead connections were thrown away");
    writers.stop().await;
    place.holds_and_ends([child]).await;
}
