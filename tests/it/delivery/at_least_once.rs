//! Handlers without a transaction.

use shared::prelude::*;
use tests::{equal, eventually};

use crate::handlers::{look, service, tell};
use crate::script::Script;
use crate::surroundings::{Foreign, SOON, Surroundings, cases, commit, kept, letters, settle};
use crate::vocabulary::{taken, taken_json};

cases! {
    everywhere: [
        a_handler_without_a_transaction_may_run_again_and_returns_once,
        its_poison_is_parked,
        side_by_side_copies_return_once,
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
