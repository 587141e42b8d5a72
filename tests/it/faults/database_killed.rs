//! Postgres dies, with `kill -9` or by its immediate stop, under load.

use tests::{Nats, Postgres};

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_whole_and_what_was_in_doubt_is_known() {
    let (mut postgres, nats) = (Postgres::start_durable().await, Nats::start().await);
    let place = Place::on(&postgres, &nats).await;
    let child = place.serve().await;
    let writers = place.writers(8);
    for round in 0..4 {
        place.handled(20).await;
        place.written(20).await;
        if round % 2 == 0 {
            postgres.kill();
        } else {
            postgres.stop_immediately().await;
        }
        postgres.restart().await;
    }
    place.handled(20).await;
    writers.stop().await;
    let figures = place.holds_and_ends([child]).await;
    let doubted = figures.in_doubt.0 + figures.in_doubt.1;
    assert!(doubted > 0, "nobody was writing when it died: {figures:?}");
}
