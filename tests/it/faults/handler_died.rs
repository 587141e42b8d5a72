//! A process dies in a handler, or after the commit and before the acknowledgement.

use std::os::unix::process::ExitStatusExt as _;

use tests::{Nats, Postgres};

use crate::child::{Child, DIES_AFTER, DIES_BEFORE};
use crate::place::{BOTH, LONG, Place};

async fn dies_at(place: &Place, variable: &str) -> u64 {
    let names = place.make(20).await;
    // it may die before it is ready
    let child = Child::start(place.child(BOTH).env(variable, &names[10]));
    let status = child.ended(LONG).await;
    assert_eq!(status.signal(), Some(6), "it aborts itself: {status}");
    let child = place.serve().await;
    let figures = place.holds_and_ends([child]).await;
    assert_eq!((figures.committed, figures.handled), (20, 60));
    place.suppressed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_commit_the_event_comes_again_and_is_suppressed() {
    let nats = Nats::start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    let suppressed = dies_at(&place, DIES_AFTER).await;
    assert!(suppressed > 0, "it was acknowledged before it died");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_commit_the_event_comes_again_and_is_handled() {
    let nats = Nats::start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    dies_at(&place, DIES_BEFORE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_process_the_outbox_row_brings_it_again() {
    let suppressed = dies_at(&Place::embedded().await, DIES_AFTER).await;
    assert!(suppressed > 0, "the row was marked before it died");
    dies_at(&Place::embedded().await, DIES_BEFORE).await;
}
