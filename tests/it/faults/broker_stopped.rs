//! NATS is frozen for a while: connections stay open, and nobody answers.

use tests::{Nats, Postgres};

use crate::place::Place;

/// What the client says when it gives a silent connection up.
const GIVEN_UP: &str = "NATS: disconnected";

#[tokio::test(flavor = "multi_thread")]
async fn publishes_are_tried_again_and_health_says_so() {
    let nats = Nats::start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    let child = place.serve().await;
    let writers = place.writers(4);
    place.handled(30).await;
    // Until publishes have failed: an acknowledgement has 5 s.
    nats.stop();
    child.says("health: database true, bus false").await;
    child.says("could not be published").await;
    place.written(20).await;
    assert!(place.db.outbox().pending().await.expect("it can be read") > 0);
    nats.cont();
    child.says("health: database true, bus true").await;
    place.handled(30).await;
    // Until the connection is given up, which takes two pings of 10 s.
    nats.stop();
    child.says(GIVEN_UP).await;
    place.written(20).await;
    nats.cont();
    place.handled(30).await;
    writers.stop().await;
    place.holds_and_ends([child]).await;
}
