//! Who gets which events.

use shared::prelude::*;

use crate::handlers::{keep, keep_all, look, service};
use crate::script::Script;
use crate::surroundings::{Surroundings, cases, commit, kept, no_letters, settle};
use crate::vocabulary::{NoteErased, NoteEvent, taken};

cases! {
    everywhere: [
        committed_events_reach_each_matching_subscriber_once,
        rolled_back_events_reach_nobody,
        events_that_nobody_takes_leave_the_outbox,
        what_the_bus_is_given_directly_arrives_too,
    ],
    lasting: [],
    on_nats: [],
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
    let erased = NoteErased {
        topic: "a".into(),
        number: 11,
    };
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
    let running = place
        .start([service("one", &script).subscribe(subscribers![keep])])
        .await;
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
    let running = place
        .start([service("one", &script).subscribe(subscribers![keep])])
        .await;
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
