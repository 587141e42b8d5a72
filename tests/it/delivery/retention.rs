//! How long published events are kept.

use std::time::Duration;

use shared::prelude::*;
use tests::{equal, eventually};

use crate::handlers::{keep, service};
use crate::script::Script;
use crate::surroundings::{SOON, Surroundings, cases, commit, kept, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [],
    lasting: [published_events_are_deleted_after_their_retention],
    on_nats: [],
}

async fn published_events_are_deleted_after_their_retention(mut place: Surroundings) {
    let script = Script::succeed();
    let db = place.db().await;
    let rows = async || db.outbox().published_by_subject().await.ok();
    let count = async || rows().await.map(|rows| rows.get("note.taken").copied().unwrap_or_default());

    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), (1..=2_500).map(|number| taken("a", number % 1000))).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");
    assert_eq!(count().await, Some(2_500), "they are young");
    let last = db.outbox().last().await.expect("it can be read");

    place.config.outbox_retention = Duration::ZERO;
    commit(&db, [taken("a", 1)]).await;
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    settle(&running).await;
    eventually(SOON, async || {
        let left = count().await;
        // What was published after the first look waits for the next one.
        if left <= Some(1) { Ok(()) } else { equal(left, Some(1)) }
    })
    .await;
    assert_eq!(kept(&db, "keep").await.len(), 2_501);
    running.shutdown().await.expect("it ends in time");

    commit(&db, [taken("a", 2)]).await;
    let next = db.outbox().last().await.expect("it can be read");
    assert!(next > last, "{next} comes after {last}: no position is given twice");
}
