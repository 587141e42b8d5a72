//! A process dies with `kill -9`, under load.

use tests::{Nats, Postgres};

use crate::child::Child;
use crate::place::{BOTH, Place};

/// Writers and subscribers die together, again and again.
async fn dies_again_and_again(place: &Place) {
    for _ in 0..6 {
        let child = Child::ready(place.writing_child(BOTH, 4)).await;
        place.handled(30).await;
        child.kill();
    }
    let child = place.serve().await;
    let figures = place.holds_and_ends([child]).await;
    assert!(figures.committed >= 60, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_every_committed_event_is_handled_once() {
    dies_again_and_again(&Place::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_servers_every_committed_event_is_handled_once() {
    let nats = Nats::start().await;
    dies_again_and_again(&Place::on(Postgres::shared().await, &nats).await).await;
}
