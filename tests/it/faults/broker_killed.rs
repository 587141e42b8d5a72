//! NATS dies with `kill -9` and comes back, under load.

use tests::{Nats, Postgres};

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nobody_stays_stuck() {
    let mut nats = Nats::start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    let child = place.serve().await;
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
