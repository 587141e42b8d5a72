//! Who gets which events.

use std::time::Duration;

use shared::prelude::*;

use crate::handlers::{copy, keep, keep_all, look, service};
use crate::script::{Gate, Script};
use crate::surroundings::{Foreign, Surroundings, cases, commit, kept, letters, no_letters, settle};
use crate::vocabulary::{NoteErased, NoteEvent, taken};

cases! {
    everywhere: [
        committed_events_reach_each_matching_subscriber_once,
        rolled_back_events_reach_nobody,
        events_that_nobody_takes_leave_the_outbox,
        what_the_bus_is_given_directly_arrives_too,
        a_subject_with_a_slot_is_matched_by_a_wildcard,
        what_stands_for_the_wildcards_is_captured,
        what_cannot_be_captured_is_a_dead_letter,
        a_pool_of_one_connection_is_enough,
        whoever_waits_for_too_little_time_is_told,
    ],
    lasting: [],
    on_nats: [two_replicas_handle_each_event_once],
}

async fn committed_events_reach_each_matching_subscriber_once(place: Surroundings) {
    let script = Script::succeed();
    let running = place
        .start([
            service("one", &script).subscribe(subscribers![keep]),
            service("two", &script).subscribe(subscribers![keep_all, look]),
        ])
        .await;
    for batch in [1..=3, 4..=4, 5..=10] {
        commit(running.db(), batch.map(|number| taken("a", number))).await;
    }
    let erased = NoteErased { topic: "a".into(), number: 11 };
    commit(running.db(), [NoteEvent::Erased(erased)]).await;
    settle(&running).await;

    let (ten, eleven): (Vec<i32>, Vec<i32>) = ((1..=10).collect(), (1..=11).collect());
    assert_eq!(kept(running.db(), "keep").await, ten);
    assert_eq!(kept(running.db(), "keep_all").await, eleven);
    assert_eq!(kept(running.db(), "look").await, [0; 0]);
    assert_eq!(script.begun().len(), 21, "every call succeeded at once");
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn rolled_back_events_reach_nobody(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let refused = running
        .db()
        .transaction(async |tx| {
            tx.publish(taken("a", 1)).await?;
            tx.publish(taken("a", 2)).await?;
            Err::<(), _>(Error::other("changed my mind"))
        })
        .await;
    assert!(refused.is_err());
    commit(running.db(), [taken("a", 3)]).await;
    settle(&running).await;

    assert_eq!(script.done_of("a"), [3]);
    let published = running.db().outbox().published_by_subject().await;
    assert_eq!(published.expect("it can be read")["note.taken"], 1);
    running.shutdown().await.expect("it ends in time");
}

async fn events_that_nobody_takes_leave_the_outbox(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script)]).await;
    commit(running.db(), [taken("a", 1), taken("b", 2)]).await;
    settle(&running).await;
    let published = running.db().outbox().published_by_subject().await;
    assert_eq!(published.expect("it can be read")["note.taken"], 2);
    running.shutdown().await.expect("it ends in time");
}

async fn what_the_bus_is_given_directly_arrives_too(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let receipt = running.bus().publish(taken("a", 1)).await;
    let receipt = receipt.expect("the bus takes it");
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1]);
    let call = script.done().remove(0);
    assert_eq!(call.meta.event_id, receipt.event_id.to_string());
    assert_eq!(call.meta.correlation_id, receipt.correlation_id);
    assert_eq!(call.meta.sequence, None, "it was in no outbox");
    running.shutdown().await.expect("it ends in time");
}

/// A ward was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "ward.{ward}.opened")]
struct Opened {
    ward: u32,
}

#[subscribe("ward.*.opened")]
async fn welcome(event: Opened, meta: &Metadata, State(script): State<Script>) -> Result<()> {
    script.play("welcome", &meta.subject, event.ward, meta).await
}

async fn a_subject_with_a_slot_is_matched_by_a_wildcard(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![welcome])]).await;
    commit(running.db(), [Opened { ward: 7 }, Opened { ward: 8 }]).await;
    settle(&running).await;
    assert_eq!(script.done_of("ward.7.opened"), [7]);
    assert_eq!(script.done_of("ward.8.opened"), [8]);
    assert_eq!(script.done()[0].meta.event_type, "ward.opened");
    assert!(script.done()[0].meta.key.is_none());
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

/// What may be done to a room.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema, EntityEnum)]
enum Work {
    Cleaned,
    PaintedOver,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema, EntityValue)]
struct WardId(i32);

/// Something was done to a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "site.{ward}.room.{room}.{work}")]
struct RoomDone {
    ward: WardId,
    room: Token,
    work: Work,
}

/// A ward was closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "site.{ward}.closed")]
struct WardClosed {
    ward: WardId,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(domain = "site")]
enum SiteEvent {
    RoomDone(RoomDone),
    WardClosed(WardClosed),
}

#[subscribe("site.*.room.*.*")]
async fn inspect(
    event: RoomDone,
    Captures((ward, room, work)): Captures<(WardId, Token, Work)>,
    meta: &Metadata,
    State(script): State<Script>,
) -> Result<()> {
    assert_eq!(event, RoomDone { ward, room: room.clone(), work });
    script.play("inspect", room.as_str(), ward.0.unsigned_abs(), meta).await
}

#[subscribe("site.*.>")]
async fn watch(
    event: SiteEvent,
    Captures(ward): Captures<i32>,
    State(script): State<Script>,
    meta: &Metadata,
) -> Result<()> {
    let WardId(expected) = match event {
        SiteEvent::RoomDone(event) => event.ward,
        SiteEvent::WardClosed(event) => event.ward,
    };
    assert_eq!(ward, expected);
    script.play("watch", "watch", ward.unsigned_abs(), meta).await
}

async fn what_stands_for_the_wildcards_is_captured(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![inspect, watch])]).await;
    let done = |ward, room, work| RoomDone { ward: WardId(ward), room: Token::parse(room).expect("a token"), work };
    commit(running.db(), [done(7, "OR-2b", Work::Cleaned), done(8, "x/y", Work::PaintedOver)]).await;
    commit(running.db(), [WardClosed { ward: WardId(9) }]).await;
    settle(&running).await;
    no_letters(running.db()).await;
    assert_eq!((script.done_of("OR-2b"), script.done_of("x/y")), (vec![7], vec![8]));
    let mut wards = script.done_of("watch");
    wards.sort_unstable();
    assert_eq!(wards, [7, 8, 9]);
    running.shutdown().await.expect("it ends in time");
}

async fn what_cannot_be_captured_is_a_dead_letter(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![watch])]).await;
    let closed = |subject: &str| Foreign::event(subject, r#"{"ward":9}"#).header("ce-type", "site.closed");
    place.put(&running, &[closed("site.sentinel.closed"), closed("site.9.closed")]).await;
    settle(&running).await;

    assert_eq!(script.done_of("watch"), [9], "the next one is handled");
    assert_eq!(script.begun().len(), 1);
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("subject", 1));
    assert_eq!(
        letters[0].report,
        "cannot decode `site.closed` at subject token 2: the subject does not fit what the subscriber captures"
    );
    running.shutdown().await.expect("it ends in time");
}

async fn a_pool_of_one_connection_is_enough(mut place: Surroundings) {
    place.config.database_max_connections = 1;
    let script = Script::new(async |call| match call.meta.attempt {
        1 if call.number % 5 == 0 => Err(Error::other("not yet")),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![copy, keep, look])]).await;
    commit(running.db(), (0..50).map(|number| taken(&format!("topic {number}"), number))).await;
    settle(&running).await;
    let numbers: Vec<i32> = (0..50).collect();
    assert_eq!(kept(running.db(), "copy").await, numbers);
    assert_eq!(kept(running.db(), "keep").await, numbers);
    assert_eq!(kept(running.db(), "look").await.len(), 100);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn whoever_waits_for_too_little_time_is_told(place: Surroundings) {
    let gate = Gate::closed();
    let door = gate.clone();
    let script = Script::new(move |_| {
        let door = door.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    });
    let running = place.start([service("one", &script).subscribe(subscribers![welcome])]).await;
    commit(running.db(), [Opened { ward: 7 }]).await;
    script.begun_soon(1).await;
    let waited = running.settled(Duration::from_millis(50)).await;
    assert!(matches!(waited, Err(Error::Timeout { what: "settling" })), "{waited:?}");
    gate.open();
    settle(&running).await;
    assert_eq!(script.done().len(), 1);
    running.shutdown().await.expect("it ends in time");
}

async fn two_replicas_handle_each_event_once(place: Surroundings) {
    let script = Script::succeed();
    let start = async || place.start([service("one", &script).subscribe(subscribers![copy, look])]).await;
    let (one, two) = (start().await, start().await);
    for batch in 0..10 {
        let db = if batch % 2 == 0 { one.db() } else { two.db() };
        let events = (0..10).map(|i| taken(&format!("topic {i}"), 10 * batch + i));
        commit(db, events).await;
    }
    settle(&one).await;
    settle(&two).await;
    assert_eq!(kept(one.db(), "copy").await, (0..100).collect::<Vec<i32>>());
    assert_eq!(kept(one.db(), "look").await.len(), 200);
    no_letters(one.db()).await;
    one.shutdown().await.expect("it ends in time");
    two.shutdown().await.expect("it ends in time");
}
