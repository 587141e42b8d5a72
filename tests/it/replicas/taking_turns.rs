//! Who handles what, and who takes over.

use tests::Process;

use crate::place::{Place, Writers};

/// The one of the two that handles events, and the other.
async fn active_first(place: &Place, one: Process, other: Process) -> (Process, Process) {
    let active = tests::eventually(crate::place::LONG, async || {
        let by = place.seen_by().await;
        by.into_iter().max_by_key(|(_, seen)| *seen).map(|(pid, _)| pid).ok_or("nobody has seen anything")
    })
    .await;
    if active == one.pid() { (one, other) } else { (other, one) }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_is_active_and_the_other_takes_over_from_one_that_is_stopped() {
    let place = Place::new().await;
    let (one, other) = (place.replica("ordered").await, place.replica("ordered").await);
    let writers = Writers::start(&place.db, 8);
    let (active, standing_by) = active_first(&place, one, other).await;
    place.more_seen_by(&active, 100).await;
    assert_eq!(place.seen_by().await.len(), 1, "one of the two is active");

    active.stop();
    place.more_seen_by(&standing_by, 200).await;
    active.cont();
    place.more_seen_by(&standing_by, 200).await;
    // The one that woke up late is the one that takes over now.
    standing_by.kill();
    place.more_seen_by(&active, 200).await;
    writers.stop().await;

    place.all_seen().await;
    place.in_order().await;
    place.end(active).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_ends_hands_over_at_once() {
    let place = Place::new().await;
    let writers = Writers::start(&place.db, 8);
    let mut active = place.replica("ordered").await;
    for _ in 0..3 {
        let next = place.replica("ordered").await;
        place.more_seen_by(&active, 50).await;
        place.end(active).await;
        place.more_seen_by(&next, 50).await;
        active = next;
    }
    writers.stop().await;
    place.all_seen().await;
    place.in_order().await;
    place.end(active).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_shared_out_and_taken_over() {
    let place = Place::new().await;
    let writers = Writers::start(&place.db, 8);
    let one = place.replica("parted").await;
    place.more_seen_by(&one, 50).await;
    let other = place.replica("parted").await;
    place.more_seen_by(&other, 100).await;
    place.more_seen_by(&one, 50).await;
    one.stop();
    place.more_seen_by(&other, 400).await;
    one.cont();
    place.more_seen_by(&one, 50).await;
    other.kill();
    place.more_seen_by(&one, 400).await;
    writers.stop().await;

    place.all_seen().await;
    place.in_order().await;
    place.end(one).await;
}

async fn all_replicas_share(subscriber: &str) {
    let place = Place::new().await;
    let (one, other) = (place.replica(subscriber).await, place.replica(subscriber).await);
    let writers = Writers::start(&place.db, 8);
    place.more_seen_by(&one, 50).await;
    place.more_seen_by(&other, 50).await;
    writers.stop().await;
    place.all_seen().await;
    place.end(one).await;
    place.end(other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unordered_subscription_is_active_in_all_replicas() {
    all_replicas_share("unordered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_events_without_keys_is_active_in_all_replicas() {
    all_replicas_share("keyless").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handled_in_one_piece_is_not_handled_again_in_parts() {
    let place = Place::new().await;
    let writers = Writers::start(&place.db, 4);
    let whole = place.replica("parted_before").await;
    place.more_seen_by(&whole, 100).await;
    place.end(whole).await;
    let parted = place.replica("parted").await;
    place.more_seen_by(&parted, 100).await;
    writers.stop().await;
    place.all_seen().await;
    place.in_order().await;
    place.end(parted).await;
}
