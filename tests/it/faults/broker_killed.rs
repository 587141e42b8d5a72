//! NATS dies with `kill -9` and comes back, under load.

use tests::{Nats, Postgres};

use crate::child::Child;
use crate::place::{BOTH, Place};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nobody_stays_stuck() {
    killed(Nats::start().await, "false").await;
}

/// Nor where it has synced what it acknowledged, which it then gets in batches.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_where_events_come_in_batches() {
    killed(Nats::start_syncing().await, "true").await;
}

async fn killed(mut nats: Nats, sync_always: &str) {
    let place = Place::on(Postgres::shared().await, &nats).await;
    let child = Child::ready(place.child(BOTH).env("NATS_SYNC_ALWAYS", sync_always)).await;
    let writers = place.writers(4);
    for _ in 0..3 {
        place.handled(30).await;
        nats.kill();
        // commits do not need the broker
        place.written(20).await;
        nats.restart().await;
    }
    place.handled(30).await;
    writers.stop().await;
    let figures = place.holds_and_ends([child]).await;
    assert!(figures.committed >= 60, "{figures:?}");
}
