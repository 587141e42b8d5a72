//! A subscriber that is much slower than the writers.

use async_nats::jetstream::consumer::pull;
use tests::{Nats, Postgres, equal, eventually};

use crate::child::{Child, SLOW};
use crate::place::{LONG, Place};

const MB: usize = 1_000_000;

/// All that waits, and what may be in memory of it: a subscription of eight lanes holds 64 messages.
const WAITING: usize = 1_000;
const EACH: usize = 100_000;
const CEILING: usize = 60 * MB;

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_and_nothing_is_dropped() {
    let nats = Nats::start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    // another process publishes, so that what is measured is what the reader holds
    let office = Child::ready(place.child("office")).await;
    place.make_large(WAITING, EACH).await;
    eventually(LONG, async || equal(place.db.outbox().pending().await.ok(), Some(0))).await;

    let ledger = Child::ready(place.child("ledger").env(SLOW, "20")).await;
    let before = ledger.peak_memory();
    place.handled(50).await;
    let server = async_nats::jetstream::new(async_nats::connect(nats.url()).await.expect("the server lets us in"));
    let stream = server.get_stream("ENTRY").await.expect("it is there");
    let consumer = stream.get_consumer::<pull::Config>("ledger_post").await.expect("it is there");
    let info = consumer.cached_info();
    assert!(info.num_ack_pending as i64 <= info.config.max_ack_pending, "{info:?}");
    assert!(info.config.max_ack_pending > 0 && info.config.max_ack_pending <= 1_024, "{info:?}");
    let figures = place.holds().await;
    assert_eq!(figures.committed, WAITING);
    let grown = ledger.peak_memory().saturating_sub(before);
    println!("{} bytes waited, the reader grew by {grown}", WAITING * EACH);
    assert!(grown < CEILING, "it grew by {grown} bytes");
    place.holds_and_ends([office, ledger]).await;
}
