//! Handlers without a transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::event::{Draft, EventInfo, Publish, RawEvent};
use shared::prelude::*;
use shared::service::{BoxFuture, States, Subscribe, SubscriberSpec};
use tests::{equal, eventually};

use crate::handlers::{look, service, show, tell};
use crate::script::{Call, Script};
use crate::surroundings::{Foreign, SOON, Surroundings, cases, commit, kept, letters, settle};
use crate::vocabulary::{CopyMade, NoteTaken, taken, taken_json};

cases! {
    everywhere: [
        a_handler_without_a_transaction_may_run_again_and_returns_once,
        its_poison_is_parked,
        side_by_side_copies_return_once,
        without_the_inbox_what_comes_again_is_handled_again,
        without_the_inbox_poison_is_parked_and_replayed,
        without_the_inbox_many_are_handled_in_order,
        without_the_inbox_a_subscriber_that_declares_events_does_not_start,
        without_the_inbox_an_event_of_no_type_is_not_published,
    ],
    lasting: [],
    on_nats: [],
}

async fn copies(db: &Db) -> u64 {
    let published = db.outbox().published_by_subject().await;
    let published = published.expect("it can be read");
    published.get("copy.made").copied().unwrap_or_default()
}

async fn a_handler_without_a_transaction_may_run_again_and_returns_once(place: Surroundings) {
    let script = Script::new(async |call| match (call.subscriber, call.meta.attempt) {
        ("tell", 1) => Err(Error::other("after the effect")),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![tell, look])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    let told = || script.begun().iter().filter(|call| call.subscriber == "tell").count();
    assert_eq!(told(), 2, "it ran again");
    assert_eq!(copies(running.db()).await, 1);
    assert_eq!(kept(running.db(), "look").await, [1]);

    place.deliver_all_again(&running).await;
    let suppressed = async || {
        let suppressed = running.db().inbox().duplicates_suppressed().await;
        suppressed.expect("it can be read")
    };
    // In-process the copy comes again too.
    let expected = if place.on_nats() { 1 } else { 2 };
    eventually(SOON, async || equal(suppressed().await, expected)).await;
    settle(&running).await;
    assert_eq!(told(), 2, "it was known to be handled");
    assert_eq!(copies(running.db()).await, 1);
    running.shutdown().await.expect("it ends in time");
}

async fn its_poison_is_parked(place: Surroundings) {
    let script = Script::new(async |call| match call.number {
        1 => Err(Error::other("never")),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![tell])]).await;
    commit(running.db(), [taken("a", 1), taken("a", 2)]).await;
    settle(&running).await;
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("other", 3));
    assert_eq!(script.done_of("a"), [2]);
    assert_eq!(copies(running.db()).await, 1);
    running.shutdown().await.expect("it ends in time");
}

async fn side_by_side_copies_return_once(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![tell])]).await;
    let message = Foreign::event("note.taken", taken_json("a", 1)).id("id-1");
    place.put(&running, &vec![message; 5]).await;
    settle(&running).await;
    assert!(!script.done().is_empty());
    assert_eq!(copies(running.db()).await, 1);
    running.shutdown().await.expect("it ends in time");
}

async fn without_the_inbox_what_comes_again_is_handled_again(place: Surroundings) {
    let script = Script::new(async |call| match (call.subscriber, call.meta.attempt) {
        ("show", 1) => Err(Error::other("not yet")),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![show])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    let shown = || script.done_of("a").len();
    assert_eq!((script.begun().len(), shown()), (2, 1));
    let inbox = running.db().inbox();
    assert_eq!(inbox.handled().await.expect("it can be read"), 0, "nothing is noted");

    place.deliver_all_again(&running).await;
    eventually(SOON, async || equal(shown(), 2)).await;
    settle(&running).await;
    assert_eq!(inbox.handled().await.expect("it can be read"), 0);
    running.shutdown().await.expect("it ends in time");
}

async fn without_the_inbox_poison_is_parked_and_replayed(place: Surroundings) {
    let healed = Arc::new(AtomicBool::new(false));
    let is_healed = Arc::clone(&healed);
    let script = Script::new(move |call: Call| {
        let fails = call.number == 1 && !is_healed.load(Ordering::SeqCst);
        async move { if fails { Err(Error::other("never")) } else { Ok(()) } }
    });
    let running = place.start([service("one", &script).subscribe(subscribers![show])]).await;
    commit(running.db(), [taken("a", 1), taken("a", 2), taken("b", 3)]).await;
    settle(&running).await;
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("other", 3));
    assert_eq!((script.done_of("a"), script.done_of("b")), (vec![2], vec![3]));

    healed.store(true, Ordering::SeqCst);
    assert!(running.replay(letters[0].id).await.expect("the letter waits"));
    assert!(running.replay(letters[0].id).await.is_err(), "a letter is replayed once");
    assert_eq!(script.done_of("a"), [2, 1]);
    running.shutdown().await.expect("it ends in time");
}

async fn without_the_inbox_many_are_handled_in_order(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![show])]).await;
    let events = (1..=300).map(|number| taken(["a", "b", "c"][number as usize % 3], number));
    commit(running.db(), events.collect::<Vec<_>>()).await;
    settle(&running).await;
    for (topic, first) in [("a", 3), ("b", 1), ("c", 2)] {
        let expected: Vec<u32> = (first..=300).step_by(3).collect();
        assert_eq!(script.done_of(topic), expected, "{topic}");
    }
    running.shutdown().await.expect("it ends in time");
}

/// Written by hand, where no macro looks.
struct Copying;

impl Subscribe for Copying {
    type Event = NoteTaken;
    const SPEC: SubscriberSpec = SubscriberSpec::new("copying", "note.taken").without_inbox();
    const PUBLISHES: &'static [&'static EventInfo] = <CopyMade as Publish>::PUBLISHES;

    fn check(_: &States) -> Result<()> {
        Ok(())
    }

    fn call<'a>(_: NoteTaken, _: shared::service::Call<'a>) -> BoxFuture<'a, Result<Vec<Draft>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

async fn without_the_inbox_a_subscriber_that_declares_events_does_not_start(place: Surroundings) {
    let service = Service::new("one").subscribe(subscribers![Copying]);
    let error = shared::start(&place.config, [service]).await.expect_err("it does not start").to_string();
    assert!(error.contains("subscription `one_copying`") && error.contains("published again"), "{error}");
    assert!(error.ends_with("help: leave `without_inbox()` out, or return nothing"), "{error}");
}

/// Which events a draft of no type is cannot be known before.
#[subscribe("note.taken", no_inbox, retry(max = 1))]
async fn echo(event: RawEvent) -> Result<Draft> {
    Ok(Draft::raw("copy.made", "copy.made", &event.data))
}

async fn without_the_inbox_an_event_of_no_type_is_not_published(place: Surroundings) {
    let running = place.start([Service::new("one").subscribe(subscribers![echo])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].reason, "usage");
    assert_eq!(copies(running.db()).await, 0);
    running.shutdown().await.expect("it ends in time");
}
