//! Events that come more than once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::prelude::*;
use tests::{equal, eventually};

use crate::handlers::{copy, keep, keep_all, service};
use crate::script::Script;
use crate::surroundings::{Foreign, SOON, Surroundings, cases, commit, kept, letters, no_letters, settle, unmark_all};
use crate::vocabulary::{taken, taken_json};

cases! {
    everywhere: [
        an_event_that_comes_again_is_suppressed_and_counted,
        two_deliveries_of_one_id_at_once_have_effects_once,
        the_second_delivery_handles_what_the_first_one_failed_at,
        another_event_with_a_known_id_is_refused_and_counted,
        a_broken_event_with_a_known_id_is_refused,
    ],
    lasting: [an_event_comes_again_after_a_restart],
    on_nats: [the_broker_takes_an_id_once],
}

async fn suppressed(db: &Db) -> u64 {
    let suppressed = db.inbox().duplicates_suppressed().await;
    suppressed.expect("it can be read")
}

async fn an_event_that_comes_again_is_suppressed_and_counted(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![copy, keep_all])]).await;
    commit(running.db(), (1..=3).map(|number| taken("a", number))).await;
    settle(&running).await;
    assert_eq!(suppressed(running.db()).await, 0);

    place.deliver_all_again(&running).await;
    eventually(SOON, async || equal(suppressed(running.db()).await, 6)).await;
    settle(&running).await;
    assert_eq!(script.begun().len(), 6, "no handler ran again");
    assert_eq!(kept(running.db(), "copy").await, [1, 2, 3]);
    assert_eq!(kept(running.db(), "keep_all").await, [1, 2, 3]);
    assert_eq!(running.db().inbox().handled().await.expect("it can be read"), 6);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn two_deliveries_of_one_id_at_once_have_effects_once(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    // Without a key each message has a lane of its own, so the copies are handled side by side.
    let messages: Vec<Foreign> = (1..=20)
        .flat_map(|number| {
            let message = Foreign::event("note.taken", taken_json("a", number));
            vec![message.id(&format!("id-{number}")); 3]
        })
        .collect();
    place.put(&running, &messages).await;
    settle(&running).await;
    let numbers: Vec<i32> = (1..=20).collect();
    assert_eq!(kept(running.db(), "keep").await, numbers);
    assert_eq!(suppressed(running.db()).await, 40);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn the_second_delivery_handles_what_the_first_one_failed_at(place: Surroundings) {
    let failed = Arc::new(AtomicBool::new(false));
    let script = Script::new(move |_| {
        let first = !failed.swap(true, Ordering::Relaxed);
        async move { if first { Err(Error::other("not the first")) } else { Ok(()) } }
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let message = Foreign::event("note.taken", taken_json("a", 1)).id("id-1");
    place.put(&running, &[message.clone(), message]).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1]);
    assert_eq!(script.begun().len(), 2);
    assert_eq!(suppressed(running.db()).await, 1);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn an_event_comes_again_after_a_restart(place: Surroundings) {
    let script = Script::succeed();
    let start = async || place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let running = start().await;
    commit(running.db(), (1..=3).map(|number| taken("a", number))).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");

    let running = start().await;
    place.deliver_all_again(&running).await;
    eventually(SOON, async || equal(suppressed(running.db()).await, 3)).await;
    assert_eq!(kept(running.db(), "keep").await, [1, 2, 3]);
    assert_eq!(script.begun().len(), 3);
    running.shutdown().await.expect("it ends in time");
}

async fn the_broker_takes_an_id_once(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    // The relay died before it noted what it had published: the same row is sent again.
    unmark_all(running.db()).await;
    settle(&running).await;

    let jetstream = async_nats::jetstream::new(place.client().await);
    let stream = jetstream.get_stream("NOTE").await.expect("the stream is there");
    assert_eq!(stream.cached_info().state.messages, 1);
    assert_eq!(suppressed(running.db()).await, 0);
    running.shutdown().await.expect("it ends in time");
}

/// Puts it on the bus and waits until it was suppressed, so many at all.
async fn put_known(place: &Surroundings, running: &shared::Running, message: &Foreign, all: u64) {
    place.put(running, std::slice::from_ref(message)).await;
    eventually(SOON, async || equal(suppressed(running.db()).await, all)).await;
    settle(running).await;
}

async fn another_event_with_a_known_id_is_refused_and_counted(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let reused = async || running.db().inbox().ids_reused().await.expect("it can be read");
    let first = Foreign::event("note.taken", taken_json("a", 1)).id("id-1").key("a");
    let other = Foreign::event("note.taken", taken_json("SENTINEL", 2)).id("id-1").key("a");
    place.put(&running, &[first.clone(), other.clone()]).await;
    eventually(SOON, async || equal(letters(running.db()).await.len(), 1)).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1]);
    assert_eq!(reused().await, 1);
    let letter = letters(running.db()).await.remove(0);
    assert_eq!((letter.reason.as_str(), letter.event_id.as_str()), ("id_reused", "id-1"));
    assert!(letter.report.contains("`note.taken`"), "{}", letter.report);
    assert!(!letter.report.contains("SENTINEL"), "{}", letter.report);

    // each of them is known now
    put_known(&place, &running, &other, 1).await;
    put_known(&place, &running, &first, 2).await;
    assert_eq!(letters(running.db()).await.len(), 1);
    assert_eq!(reused().await, 1);

    // somebody has looked at it, and wants it
    assert!(running.replay(letter.id).await.expect("it is replayed"));
    assert_eq!(kept(running.db(), "keep").await, [1, 2]);
    no_letters(running.db()).await;
    // the replay knows its own event only: the count of the other one is gone with its note
    put_known(&place, &running, &first, 2).await;
    put_known(&place, &running, &other, 3).await;
    assert_eq!(kept(running.db(), "keep").await, [1, 2]);
    running.shutdown().await.expect("it ends in time");
}

async fn a_broken_event_with_a_known_id_is_refused(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let first = Foreign::event("note.taken", taken_json("a", 1)).id("id-1").key("a");
    let broken = Foreign::event("note.taken", "{}").id("id-1").key("a");
    let next = Foreign::event("note.taken", taken_json("a", 2)).id("id-2").key("a");
    place.put(&running, &[first, broken, next]).await;
    eventually(SOON, async || equal(letters(running.db()).await.len(), 1)).await;
    settle(&running).await;
    assert_eq!(letters(running.db()).await[0].reason, "id_reused");
    assert_eq!(kept(running.db(), "keep").await, [1, 2]);
    running.shutdown().await.expect("it ends in time");
}
