//! The disk of NATS is full, and has room again.

use tests::{Disk, Nats, Postgres};

use crate::place::Place;

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
