//! The disk of Postgres is full, and has room again.

use std::collections::HashSet;

use shared::prelude::*;
use tests::{Disk, Nats, Postgres, eventually};

use crate::child::{Child, SLOW};
use crate::ledger::{BOOKS, Wanted};
use crate::place::{BOTH, LONG, Place};

#[tokio::test(flavor = "multi_thread")]
async fn writing_fails_cleanly_and_nothing_is_parked() {
    let disk = Disk::new("disk", 160 << 20);
    let (postgres, nats) = (Postgres::start_on(&disk).await, Nats::start().await);
    let place = Place::on(&postgres, &nats).await;
    // A dead letter has room in the page of this one, while what handlers write has none.
    let bad = Wanted { name: "bad".to_owned(), book: BOOKS[0], bad: true, padding: 0 };
    place.record.make(&place.db, &[bad], true).await.expect("it commits");
    let child = place.serve().await;
    place.holds_and_ends([child]).await;
    // much to do, made while nobody did it
    place.make(600).await;
    let child = Child::ready(place.child(BOTH).env(SLOW, "200")).await;
    place.handled(20).await;

    // some events have failed and have been tried again, by both subscriptions
    eventually(LONG, async || {
        // what the server cleans up would make room
        disk.fill();
        ["ledger_audit", "ledger_post"]
            .map(|name| tried_again(&child.log(), name))
            .into_iter()
            .collect::<Result<(), _>>()
    })
    .await;
    // noting what was published is not tried as fast as it fails
    let marks = child.log().matches("published events cannot be marked").count();
    assert!(marks < 500, "{marks} tries");
    let letters = place.db.dead_letters().list().await.expect("reading needs no room");
    assert_eq!(letters.len(), 2, "{letters:?}");
    let large = Wanted { name: "large".to_owned(), book: BOOKS[0], bad: false, padding: 500_000 };
    let refused = place.record.make(&place.db, &[large], true).await;
    assert!(matches!(&refused, Err(Error::Database(error)) if error.code.as_deref() == Some("53100")), "{refused:?}");

    disk.free();
    place.holds_and_ends([child]).await;
}

fn tried_again(log: &str, subscription: &str) -> Result<(), String> {
    let mut seen = HashSet::new();
    let waits = log.lines().filter(|line| line.contains("the event waits") && line.contains(subscription));
    let mut ids = waits.filter_map(|line| line.split("event_id=").nth(1)?.split(' ').next());
    if ids.any(|id| !seen.insert(id)) { Ok(()) } else { Err(format!("{subscription}: {} wait", seen.len())) }
}
