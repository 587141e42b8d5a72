//! Handlers that fail.

use shared::prelude::*;

use crate::handlers::{copy, keep, keep_hurried, service};
use crate::script::Script;
use crate::surroundings::{Surroundings, cases, commit, kept, letters, no_letters, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [
        a_failed_try_leaves_nothing_behind,
        poison_is_parked_and_the_next_event_of_its_key_flows,
        a_permanent_error_parks_at_once,
        a_panic_parks_without_its_text,
        a_handler_that_takes_too_long_is_cancelled,
        a_failed_statement_is_a_failed_try_even_when_swallowed,
    ],
    lasting: [],
    on_nats: [],
}

async fn a_failed_try_leaves_nothing_behind(place: Surroundings) {
    let script = Script::new(async |call| match call.meta.attempt {
        1 => Err(Error::other("not yet")),
        2 => Err(Error::NotFound { entity: "Note" }),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![copy])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;

    let attempts: Vec<u32> = script.begun().iter().map(|call| call.meta.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert_eq!(kept(running.db(), "copy").await, [1]);
    let published = running.db().outbox().published_by_subject().await;
    assert_eq!(published.expect("it can be read")["copy.made"], 2);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn poison_is_parked_and_the_next_event_of_its_key_flows(place: Surroundings) {
    let script = Script::new(async |call| match call.number {
        1 => Err(Error::other("this one never works")),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let events = [taken("a", 1), taken("a", 2), taken("b", 3), taken("a", 4)];
    commit(running.db(), events).await;
    settle(&running).await;

    assert_eq!(kept(running.db(), "keep").await, [2, 3, 4]);
    assert_eq!(script.done_of("a"), [2, 4]);
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = &letters[0];
    assert_eq!(letter.subscription, "one_keep");
    assert_eq!(letter.reason, "other");
    assert_eq!(letter.attempts, 3);
    assert_eq!(letter.event_type, "note.taken");
    assert_eq!(letter.subject, "note.taken");
    let poison = script.begun().into_iter().find(|call| call.number == 1);
    assert_eq!(Some(&letter.event_id), poison.map(|call| call.meta.event_id).as_ref());
    assert!(letter.report.contains("this one never works"), "{letter:?}");
    assert_eq!(letter.expose_payload(), br#"{"topic":"a","number":1,"text":null}"#);
    assert!(letter.replayed_at.is_none());
    let tries = script.begun().iter().filter(|call| call.number == 1).count();
    assert_eq!(tries, 3);
    running.shutdown().await.expect("it ends in time");
}

async fn a_permanent_error_parks_at_once(place: Surroundings) {
    let script = Script::new(async |call| match call.number {
        1 => Err(Error::permanent("nothing will change that")),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1), taken("a", 2)]).await;
    settle(&running).await;

    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("permanent", 1));
    assert_eq!(kept(running.db(), "keep").await, [2]);
    running.shutdown().await.expect("it ends in time");
}

async fn a_panic_parks_without_its_text(place: Surroundings) {
    let script = Script::new(async |call| match call.number {
        1 => panic!("the sentinel of a test: this panic is wanted"),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1), taken("a", 2), taken("b", 3)]).await;
    settle(&running).await;

    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("other", 3));
    assert!(letters[0].report.contains("panicked"), "{letters:?}");
    assert!(!letters[0].report.contains("sentinel"), "{letters:?}");
    assert_eq!(kept(running.db(), "keep").await, [2, 3]);
    running.shutdown().await.expect("it ends in time");
}

async fn a_handler_that_takes_too_long_is_cancelled(place: Surroundings) {
    let script = Script::new(async |call| match call.number {
        1 => std::future::pending().await,
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep_hurried])]).await;
    commit(running.db(), [taken("a", 1), taken("a", 2), taken("b", 3)]).await;
    settle(&running).await;

    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("timeout", 2));
    assert_eq!(kept(running.db(), "keep_hurried").await, [2, 3]);
    running.shutdown().await.expect("it ends in time");
}

/// Swallows what a statement said.
#[subscribe("note.taken", retry(max = 2, backoff = "5ms..20ms"))]
async fn keep_twice(event: crate::vocabulary::NoteTaken, tx: &mut Tx) -> Result<()> {
    use crate::vocabulary::{NewNote, Note};
    let new = |number| NewNote { subscriber: "keep_twice".into(), topic: event.topic.clone(), number };
    let note = tx.repo::<Note>().create(new(1)).await?;
    let id = note.id;
    let _swallowed = tx.repo::<Taken>().create(NewTaken { id, number: 1 }).await;
    let _swallowed = tx.repo::<Taken>().create(NewTaken { id, number: 2 }).await;
    Ok(())
}

/// A row whose id is given, so that a second one breaks the primary key.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "taken")]
struct Taken {
    #[entity(id, given)]
    id: Uuid,
    number: i32,
}

async fn a_failed_statement_is_a_failed_try_even_when_swallowed(place: Surroundings) {
    let script = Script::succeed();
    let service = service("one", &script).entities(entities![Taken]).subscribe(subscribers![keep_twice]);
    let running = place.start([service]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;

    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].reason, "usage", "{letters:?}");
    assert_eq!(kept(running.db(), "keep_twice").await, [0; 0]);
    running.shutdown().await.expect("it ends in time");
}
