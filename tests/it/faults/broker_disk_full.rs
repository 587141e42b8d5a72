//! The disk of NATS is full, and has room again.

use tests::{Disk, Nats, Postgres};

use crate::child::Child;
use crate::place::{BOTH, Place};

const MB: usize = 1_000_000;

/// What may be in memory of all that waits meanwhile: the relay has some 1,000 events on their way, or 16 MiB of them, each
/// several times, in rows, in messages and in the buffers of two connections.
const CEILING: usize = 190 * MB;

#[tokio::test(flavor = "multi_thread")]
async fn rows_stay_and_are_published_when_there_is_room() {
    let disk = Disk::new("disk", 48 << 20);
    // its own limit is far away: what it meets is the disk's
    let limits = "jetstream { max_file_store: 10GB }";
    let mut nats = Nats::options().config(limits).store(disk.path().join("store")).start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    let child = place.serve().await;
    let writers = place.writers(2);
    place.handled(30).await;
    disk.fill();
    child.says("could not be published").await;
    place.written(30).await;
    writers.stop().await;
    assert!(place.db.outbox().pending().await.expect("it can be read") > 0);

    disk.free();
    // facts of this server: it is broken until it starts again
    nats.restart().await;
    place.holds_and_ends([child]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_does_not_wait_in_memory() {
    waits_elsewhere(12_000, 20_000).await;
}

/// All of these are fewer than the relay may have on their way.
#[tokio::test(flavor = "multi_thread")]
async fn nor_do_few_events_that_are_as_large_as_can_be() {
    waits_elsewhere(400, 900 * 1_000).await;
}

async fn waits_elsewhere(events: usize, each: usize) {
    let mut nats = Nats::start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    let child = Child::ready(place.child(BOTH)).await;
    place.make(30).await;
    place.holds().await;
    let before = child.peak_memory();
    nats.kill();
    for _ in 0..10 {
        let waiting = sqlx::query(
            "WITH written AS (\
             INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) \
             SELECT gen_random_uuid(), 'bulk.made', 'bulk.made', i % 100, '{\"ce-type\":\"bulk.made\"}', \
             convert_to(to_json(repeat('x', $1))::text, 'UTF8'), now() FROM generate_series(1, $2) AS i RETURNING seq) \
             INSERT INTO shared_unpublished (seq) SELECT seq FROM written",
        )
        .bind(each as i32)
        .bind(events as i32 / 10);
        waiting.execute(place.db.postgres().expect("it is Postgres")).await.expect("the rows are taken");
    }
    place.make(10).await;
    child.says("health: database true, bus false").await;
    nats.restart().await;
    place.holds().await;
    let grown = child.peak_memory().saturating_sub(before);
    println!("{} bytes waited, the process grew by {grown}", events * each);
    assert!(grown < CEILING, "it grew by {grown} bytes");
    place.holds_and_ends([child]).await;
}
