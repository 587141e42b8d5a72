//! Many events in one transaction: those of a subscriber that takes batches, and of one under load.

use std::sync::{Arc, Mutex};

use shared::Error;
use shared::prelude::*;
use tests::{equal, eventually};

use crate::handlers::{keep_trying, service, write};
use crate::script::Script;
use crate::surroundings::{SOON, Surroundings, cases, commit, kept, letters, no_letters, settle};
use crate::vocabulary::{CopyMade, NewNote, Note, NoteTaken, taken};

cases! {
    everywhere: [
        a_batch_is_of_many_events_each_once_and_in_order,
        only_the_poison_of_a_batch_is_parked,
        a_batch_waits_to_be_filled,
        what_waits_shares_a_transaction,
        one_bad_event_costs_the_others_a_second_run,
        each_event_of_a_transaction_has_its_own_context,
        a_panic_or_a_swallowed_error_undoes_no_other_event,
    ],
    lasting: [],
    on_nats: [],
}

/// A batch, as topics and numbers.
type Handled = Vec<(String, u32)>;

/// The batches that were handled; those with the number 999 are refused.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Handled>>>);

impl Seen {
    fn batches(&self) -> Vec<Handled> {
        self.0.lock().unwrap().clone()
    }
}

#[subscribe("note.taken", retry(max = 3, backoff = "5ms..20ms"), batch(max = 50), concurrency = 1)]
async fn store(events: Batch<NoteTaken>, tx: &mut Tx, State(seen): State<Seen>) -> Result<Vec<CopyMade>> {
    let rows = events.iter().map(|event| NewNote {
        subscriber: "store".to_owned(),
        topic: event.topic.clone(),
        number: i32::try_from(event.number).expect("it is small"),
    });
    tx.repo::<Note>().create_many(rows.collect()).await?;
    assert!(events.with_metadata().all(|(event, meta)| meta.key.as_deref() == Some(event.topic.as_str())));
    seen.0.lock().unwrap().push(events.iter().map(|event| (event.topic.clone(), event.number)).collect());
    if events.iter().any(|event| event.number == 999) {
        return Err(Error::other("not this one"));
    }
    let copies = events.into_iter().map(|event| CopyMade { topic: event.topic, number: event.number });
    Ok(copies.collect())
}

async fn a_batch_is_of_many_events_each_once_and_in_order(place: Surroundings) {
    let seen = Seen::default();
    let service = service("one", &Script::succeed()).subscribe(subscribers![store]).state(seen.clone());
    let running = place.start([service]).await;
    commit(running.db(), (0..300).map(|number| taken(&format!("topic {}", number % 7), number))).await;
    settle(&running).await;
    place.deliver_all_again(&running).await;
    commit(running.db(), [taken("topic 0", 301)]).await;
    settle(&running).await;

    let mut expected: Vec<i32> = (0..300).collect();
    expected.push(301);
    assert_eq!(kept(running.db(), "store").await, expected);
    let batches = seen.batches();
    assert!(batches.len() < 150 && batches.iter().all(|batch| batch.len() <= 50), "{batches:?}");
    for topic in 0..7 {
        let topic = format!("topic {topic}");
        let numbers = batches.iter().flatten().filter(|event| event.0 == topic).map(|event| event.1);
        assert!(numbers.is_sorted(), "{batches:?}");
    }
    let published = running.db().outbox().published_by_subject().await.expect("it can be read");
    assert_eq!(published["copy.made"], 301);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn only_the_poison_of_a_batch_is_parked(place: Surroundings) {
    let seen = Seen::default();
    let service = service("one", &Script::succeed()).subscribe(subscribers![store]).state(seen.clone());
    let running = place.start([service]).await;
    let numbers = (0..40).chain([999]).chain(40..80);
    commit(running.db(), numbers.map(|number| taken("a", number))).await;
    settle(&running).await;

    assert_eq!(kept(running.db(), "store").await, (0..80).collect::<Vec<i32>>());
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("other", 3));
    running.shutdown().await.expect("it ends in time");
}

#[subscribe("note.taken", batch(max = 10, wait = "10s"), concurrency = 1)]
async fn store_tens(events: Batch<NoteTaken>, tx: &mut Tx, State(seen): State<Seen>) -> Result<()> {
    for event in events.iter() {
        write(tx, "store_tens", &event.topic, event.number).await?;
    }
    seen.0.lock().unwrap().push(events.into_iter().map(|event| (event.topic, event.number)).collect());
    Ok(())
}

async fn a_batch_waits_to_be_filled(place: Surroundings) {
    let seen = Seen::default();
    let service = service("one", &Script::succeed()).subscribe(subscribers![store_tens]).state(seen.clone());
    let running = place.start([service]).await;
    for number in 0..25 {
        commit(running.db(), [taken(&format!("topic {number}"), number)]).await;
    }
    settle(&running).await;
    let sizes: Vec<usize> = seen.batches().iter().map(Vec::len).collect();
    // The last ones have waited in vain. On a slow machine others may have, too.
    assert_eq!(sizes.iter().sum::<usize>(), 25);
    assert!(sizes.len() < 10 && sizes.iter().all(|size| *size <= 10), "{sizes:?}");
    running.shutdown().await.expect("it ends in time");
}

/// Which transaction a row was written by, as the engine numbers them; SQLite does not.
#[cfg(feature = "postgres")]
async fn transactions(db: &Db) -> Option<usize> {
    let pool = db.postgres()?;
    let sql = "SELECT DISTINCT xmin::text FROM notes";
    Some(sqlx::query(sql).fetch_all(pool).await.expect("they can be read").len())
}

#[cfg(not(feature = "postgres"))]
async fn transactions(_: &Db) -> Option<usize> {
    None
}

/// A service with quick handlers that gets all of these at once: behind the first ones many wait.
async fn loaded(place: &Surroundings, script: &Script, events: Vec<NoteTaken>) -> shared::Running {
    let running = place.start([service("one", script).subscribe(subscribers![keep_trying])]).await;
    // Until somebody knows how quick the handlers are, each has a transaction of its own.
    commit(running.db(), [taken("first", 0)]).await;
    eventually(SOON, async || equal(script.kept_of("first"), [0])).await;
    commit(running.db(), events).await;
    settle(&running).await;
    running
}

/// In-process, the events of a key come one after another: only those of many keys wait together.
fn of_many_keys(numbers: std::ops::Range<u32>) -> Vec<NoteTaken> {
    numbers.map(|number| taken(&format!("key {number}"), number)).collect()
}

async fn what_waits_shares_a_transaction(place: Surroundings) {
    let script = Script::succeed();
    let mut events = of_many_keys(0..200);
    events.extend((0..100).map(|number| taken("a", number)));
    let running = loaded(&place, &script, events).await;
    assert_eq!(script.kept_of("a"), (0..100).collect::<Vec<u32>>());
    assert_eq!(kept(running.db(), "keep_trying").await.len(), 301);
    assert_eq!(running.db().inbox().handled().await.expect("it can be read"), 301);
    if let Some(transactions) = transactions(running.db()).await {
        assert!(transactions < 301, "each had a transaction of its own");
    }
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn one_bad_event_costs_the_others_a_second_run(place: Surroundings) {
    let script = Script::new(async |call| match (call.number, call.meta.attempt) {
        (50, 1 | 2) => Err(Error::other("not yet")),
        (80, _) => Err(Error::permanent("never")),
        _ => Ok(()),
    });
    let running = loaded(&place, &script, of_many_keys(0..100)).await;
    let mut numbers: Vec<i32> = (0..100).filter(|number| *number != 80).collect();
    numbers.insert(0, 0);
    assert_eq!(kept(running.db(), "keep_trying").await, numbers);
    let tries = script.begun().iter().filter(|call| call.number == 50).map(|call| call.meta.attempt).max();
    assert_eq!(tries, Some(3));
    let letters = letters(running.db()).await;
    assert_eq!((letters.len(), letters[0].attempts), (1, 1), "{letters:?}");
    running.shutdown().await.expect("it ends in time");
}

/// What a hook after the commit has seen: the correlation and the cause of its event.
type Hooks = Arc<Mutex<Vec<(String, String)>>>;

#[subscribe("note.taken", retry(max = 3, backoff = "5ms..20ms"))]
async fn copy_on(
    event: NoteTaken,
    tx: &mut Tx,
    meta: &Metadata,
    State(script): State<Script>,
    State(hooks): State<Hooks>,
) -> Result<CopyMade> {
    write(tx, "copy_on", &event.topic, event.number).await?;
    script.play("copy_on", &event.topic, event.number, meta).await?;
    assert_eq!(Context::current().causation_id().map(ToString::to_string), Some(meta.event_id.clone()));
    tx.after_commit(move || {
        let context = Context::current();
        let cause = context.causation_id().map(ToString::to_string).unwrap_or_default();
        hooks.lock().unwrap().push((context.correlation_id().to_string(), cause));
    });
    tx.publish(CopyMade { topic: format!("{} published", event.topic), number: event.number }).await?;
    Ok(CopyMade { topic: event.topic, number: event.number })
}

async fn each_event_of_a_transaction_has_its_own_context(place: Surroundings) {
    let script = Script::succeed();
    let hooks = Hooks::default();
    let service = service("one", &script).subscribe(subscribers![copy_on, look_at]).state(Arc::clone(&hooks));
    let running = place.start([service]).await;
    commit(running.db(), [taken("first", 0)]).await;
    eventually(SOON, async || equal(script.kept_of("first").len(), 2)).await;
    for number in 0..60 {
        commit(running.db(), [taken("a", number)]).await;
    }
    settle(&running).await;

    let calls = script.kept();
    let taken: Vec<_> = calls.iter().filter(|call| call.subscriber == "copy_on" && call.topic == "a").collect();
    assert_eq!(taken.len(), 60);
    for call in &taken {
        let copies = calls
            .iter()
            .filter(|copy| copy.subscriber == "look_at" && copy.number == call.number && copy.topic.starts_with('a'));
        let mut count = 0;
        for copy in copies {
            count += 1;
            assert_eq!(copy.meta.correlation_id, call.meta.correlation_id);
            assert_eq!(copy.meta.causation_id.as_ref().map(ToString::to_string), Some(call.meta.event_id.clone()));
        }
        assert_eq!(count, 2, "{}", call.number);
        let own = (call.meta.correlation_id.to_string(), call.meta.event_id.clone());
        assert_eq!(hooks.lock().unwrap().iter().filter(|hook| **hook == own).count(), 1);
    }
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

#[subscribe("copy.made")]
async fn look_at(event: CopyMade, meta: &Metadata, State(script): State<Script>) -> Result<()> {
    script.play("look_at", &event.topic, event.number, meta).await
}

async fn a_panic_or_a_swallowed_error_undoes_no_other_event(place: Surroundings) {
    let script = Script::new(async |call| match (call.number, call.meta.attempt) {
        (20, 1) => panic!("a handler's own"),
        _ => Ok(()),
    });
    let running = loaded(&place, &script, of_many_keys(1..60)).await;
    let mut numbers: Vec<i32> = (1..60).collect();
    numbers.insert(0, 0);
    assert_eq!(kept(running.db(), "keep_trying").await, numbers);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}
