//! The end of a process that was asked to end.

use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;

use shared::db::Engine;
use shared::prelude::*;
use tests::{equal, eventually};
use tokio::time::timeout;

use crate::handlers::{copy, keep, keep_two, service};
use crate::script::{Gate, Script};
use crate::surroundings::{SOON, Surroundings, cases, commit, kept, no_letters, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [the_end_comes_when_nothing_runs, after_the_end_nothing_is_taken],
    lasting: [
        running_handlers_finish_and_the_rest_is_handled_after_the_restart,
        a_handler_that_hangs_is_cancelled_at_the_deadline,
        a_key_that_waits_for_its_retry_does_not_hold_up_the_end,
        a_connection_that_somebody_holds_does_not_hold_up_the_end,
    ],
    on_nats: [
        waiting_messages_are_given_back_at_once,
        what_the_last_handlers_publish_leaves_the_outbox,
        the_end_comes_without_the_server,
    ],
}

/// The first step of a future, so that what it does before it waits is done.
fn begin<F: Future>(future: Pin<&mut F>) {
    let polled = future.poll(&mut TaskContext::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "it has to wait");
}

async fn the_end_comes_when_nothing_runs(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep, copy])]).await;
    running.shutdown().await.expect("it ends in time");
}

async fn after_the_end_nothing_is_taken(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let (db, bus) = (running.db().clone(), running.bus().clone());
    running.shutdown().await.expect("it ends in time");
    let late = db.transaction(async |tx| tx.publish(taken("a", 1)).await).await;
    assert!(matches!(late, Err(Error::Unavailable { .. })), "{late:?}");
    // The server takes it for whoever comes next; in-process somebody would have to handle it.
    let late = bus.publish(taken("a", 2)).await;
    match late {
        Ok(_) if place.on_nats() => {}
        Err(Error::Unavailable { .. }) if !place.on_nats() => {}
        other => panic!("{other:?}"),
    }
    assert!(script.begun().is_empty());
}

async fn running_handlers_finish_and_the_rest_is_handled_after_the_restart(place: Surroundings) {
    let gate = Gate::closed();
    let door = gate.clone();
    let script = Script::new(move |_| {
        let door = door.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    });
    let start = async || place.start([service("one", &script).subscribe(subscribers![keep_two])]).await;
    let running = start().await;
    let topics = ["a", "b", "c"];
    let events = (0..12).map(|number| taken(topics[number % 3], number as u32));
    commit(running.db(), events).await;
    // SQLite has one transaction at a time: there the second handler waits for the first one's end.
    let at_once = if running.db().engine() == Engine::Postgres { 2 } else { 1 };
    script.begun_soon(at_once).await;
    let mut shutdown = pin!(running.shutdown());
    begin(shutdown.as_mut());
    gate.open();
    shutdown.await.expect("it ends in time");

    let finished = script.done().len();
    assert!((at_once..=2).contains(&finished), "{finished} ended, nothing new began");
    let db = place.db().await;
    assert_eq!(kept(&db, "keep_two").await.len(), finished);

    let running = start().await;
    settle(&running).await;
    assert_eq!(kept(&db, "keep_two").await, (0..12).collect::<Vec<i32>>());
    assert_eq!(script.begun().len(), 12, "none was handled twice");
    for (first, topic) in (0..).zip(topics) {
        let numbers: Vec<u32> = (0..4).map(|i| first + 3 * i).collect();
        assert_eq!(script.done_of(topic), numbers);
    }
    no_letters(&db).await;
    running.shutdown().await.expect("it ends in time");
}

async fn a_handler_that_hangs_is_cancelled_at_the_deadline(mut place: Surroundings) {
    place.config.shutdown_timeout = Duration::from_millis(100);
    let gate = Gate::closed();
    let door = gate.clone();
    let script = Script::new(move |_| {
        let door = door.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    });
    let start = async || place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let running = start().await;
    commit(running.db(), [taken("a", 1), taken("a", 2)]).await;
    script.begun_soon(1).await;
    let ended = running.shutdown().await;
    assert!(matches!(ended, Err(Error::Timeout { .. })), "{ended:?}");
    let db = place.db().await;
    assert_eq!(kept(&db, "keep").await, [0; 0], "its row is undone");

    gate.open();
    let running = start().await;
    settle(&running).await;
    assert_eq!(kept(&db, "keep").await, [1, 2]);
    assert_eq!(script.done_of("a"), [1, 2]);
    no_letters(&db).await;
    running.shutdown().await.expect("it ends in time");
}

/// Takes its time between tries.
#[subscribe("note.taken", retry(max = 8, backoff = "1h..1h"))]
async fn keep_slowly(
    event: crate::vocabulary::NoteTaken,
    tx: &mut Tx,
    meta: &Metadata,
    State(script): State<Script>,
) -> Result<()> {
    let _tx = tx;
    script.play("keep_slowly", &event.topic, event.number, meta).await
}

async fn a_key_that_waits_for_its_retry_does_not_hold_up_the_end(place: Surroundings) {
    let script = Script::new(async |call| match call.topic.as_str() {
        "a" => Err(Error::other("not in this hour")),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep_slowly])]).await;
    commit(running.db(), [taken("a", 1), taken("a", 2), taken("b", 3)]).await;
    eventually(SOON, async || equal(script.done_of("b"), [3])).await;
    script.begun_soon(2).await;
    running.shutdown().await.expect("it ends in time");

    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_slowly])]).await;
    settle(&running).await;
    assert_eq!(script.done_of("a"), [1, 2]);
    assert_eq!(script.done_of("b"), [0; 0], "it was handled");
    running.shutdown().await.expect("it ends in time");
}

async fn a_connection_that_somebody_holds_does_not_hold_up_the_end(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let (held, gate) = (Gate::closed(), Gate::closed());
    let holder = tokio::spawn({
        let (db, held, gate) = (running.db().clone(), held.clone(), gate.clone());
        async move {
            db.transaction(async |_tx| {
                held.open();
                gate.pass().await;
                Ok(())
            })
            .await
        }
    });
    held.pass().await;
    let ended = timeout(SOON, running.shutdown()).await;
    ended.expect("it ends").expect("it ends in time");
    gate.open();
    let _closed = holder.await.expect("it does not panic");
}

async fn waiting_messages_are_given_back_at_once(mut place: Surroundings) {
    // What is not given back comes again after that time, which is longer than this case may take.
    place.config.ack_wait = Duration::from_secs(600);
    let gate = Gate::closed();
    let door = gate.clone();
    let script = Script::new(move |_| {
        let door = door.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    });
    let start = async || place.start([service("one", &script).subscribe(subscribers![keep_two])]).await;
    let running = start().await;
    let events = (0..400).map(|number| taken(&format!("topic {}", number % 7), number));
    commit(running.db(), events).await;
    script.begun_soon(1).await;
    let mut shutdown = pin!(running.shutdown());
    begin(shutdown.as_mut());
    gate.open();
    shutdown.await.expect("it ends in time");

    let running = start().await;
    settle(&running).await;
    let db = place.db().await;
    assert_eq!(kept(&db, "keep_two").await, (0..400).collect::<Vec<i32>>());
    assert_eq!(script.begun().len(), 400);
    for topic in 0..7 {
        assert!(script.done_of(&format!("topic {topic}")).is_sorted());
    }
    running.shutdown().await.expect("it ends in time");
}

async fn what_the_last_handlers_publish_leaves_the_outbox(place: Surroundings) {
    let gate = Gate::closed();
    let door = gate.clone();
    let script = Script::new(move |_| {
        let door = door.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    });
    let running = place.start([service("one", &script).subscribe(subscribers![copy])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    script.begun_soon(1).await;
    let mut shutdown = pin!(running.shutdown());
    begin(shutdown.as_mut());
    gate.open();
    shutdown.await.expect("it ends in time");

    let db = place.db().await;
    assert_eq!(kept(&db, "copy").await, [1]);
    assert_eq!(db.outbox().pending().await.expect("it can be read"), 0);
    let published = db.outbox().published_by_subject().await;
    assert_eq!(published.expect("it can be read")["copy.made"], 2);
}

#[cfg(feature = "nats")]
async fn the_end_comes_without_the_server(mut place: Surroundings) {
    place.config.shutdown_timeout = Duration::from_millis(100);
    place.config.ack_wait = Duration::from_secs(1);
    let gate = Gate::closed();
    let door = gate.clone();
    let script = Script::new(move |_| {
        let door = door.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep_two])]).await;
    commit(running.db(), (0..100).map(|number| taken("a", number))).await;
    script.begun_soon(1).await;
    place.nats.as_mut().expect("these surroundings have NATS").kill();
    // Until the client takes nothing more: what is said to the server now waits for its return.
    let client = running.bus().nats().expect("it is NATS").clone();
    while timeout(Duration::from_millis(500), client.publish("note.other", "".into())).await.is_ok() {}

    let ended = timeout(SOON, running.shutdown()).await.expect("it ends");
    assert!(matches!(ended, Err(Error::Timeout { .. })), "{ended:?}");
    assert!(kept(&place.db().await, "keep_two").await.is_empty());
    gate.open();

    place.nats.as_mut().expect("these surroundings have NATS").restart().await;
    let running = place.start([service("one", &script).subscribe(subscribers![keep_two])]).await;
    settle(&running).await;
    assert_eq!(script.done_of("a"), (0..100).collect::<Vec<u32>>());
    running.shutdown().await.expect("it ends in time");
}
