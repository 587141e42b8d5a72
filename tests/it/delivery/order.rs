//! The order of the events of a key.

use shared::prelude::*;

use crate::handlers::{keep_trying, service};
use crate::script::Script;
use crate::surroundings::{
    Foreign, Surroundings, cases, commit, kept, no_letters, settle,
};
use crate::vocabulary::{taken, taken_json};

cases! {
    everywhere: [
        a_retried_head_holds_back_its_own_key_only,
        the_events_of_a_key_are_handled_in_commit_order,
        the_key_of_a_structured_event_counts,
    ],
    lasting: [],
    on_nats: [],
}

async fn a_retried_head_holds_back_its_own_key_only(place: Surroundings) {
    // The head of `a` fails until all of `b` is done: it never succeeds if `a` holds up `b`.
    let script = {
        let seen = std::sync::Arc::new(std::sync::OnceLock::<Script>::new());
        let watched = std::sync::Arc::clone(&seen);
        let script = Script::new(move |call| {
            let done = watched.get().map(|script| script.done_of("b").len());
            async move {
                match (call.topic.as_str(), call.number) {
                    ("a", 1) if done < Some(5) => Err(Error::other("not before all of `b`")),
                    _ => Ok(()),
                }
            }
        });
        let _first = seen.set(script.clone());
        script
    };
    let running = place
        .start([service("one", &script).subscribe(subscribers![keep_trying])])
        .await;
    let events = (1..=5).flat_map(|number| [taken("a", number), taken("b", number)]);
    commit(running.db(), events).await;
    settle(&running).await;

    assert_eq!(script.done_of("a"), [1, 2, 3, 4, 5]);
    assert_eq!(script.done_of("b"), [1, 2, 3, 4, 5]);
    let done = script.done();
    let position = |topic: &str, number| {
        done.iter()
            .position(|call| call.topic == topic && call.number == number)
    };
    assert!(position("b", 5) < position("a", 1));
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn the_events_of_a_key_are_handled_in_commit_order(place: Surroundings) {
    const TOPICS: [&str; 3] = ["a", "b", "c"];
    const WRITERS: u32 = 4;
    const TRANSACTIONS: u32 = 15;
    // One try in five fails.
    let script = Script::new(async |_| {
        if fastrand::u8(..5) == 0 { Err(Error::other("bad luck")) } else { Ok(()) }
    });
    let running = place
        .start([service("one", &script).subscribe(subscribers![keep_trying])])
        .await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let db = running.db().clone();
            tokio::spawn(async move {
                for transaction in 0..TRANSACTIONS {
                    let number = writer * TRANSACTIONS + transaction;
                    let topics = [fastrand::choice(TOPICS), fastrand::choice(TOPICS)];
                    commit(&db, topics.iter().flatten().map(|topic| taken(topic, number))).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("the writer commits");
    }
    settle(&running).await;

    let log = running.db().outbox().entries();
    let log: Vec<_> = futures_all(log).await;
    assert_eq!(log.len() as u32, 2 * WRITERS * TRANSACTIONS);
    let done = script.done();
    for topic in TOPICS {
        let committed: Vec<String> = log
            .iter()
            .filter(|entry| entry.key.as_deref() == Some(topic))
            .map(|entry| entry.event_id.to_string())
            .collect();
        let handled: Vec<&str> = done
            .iter()
            .filter(|call| call.topic == topic)
            .map(|call| call.meta.event_id.as_str())
            .collect();
        let seqs: Vec<_> = done.iter().filter(|c| c.topic == topic).map(|c| (c.meta.sequence, c.number, c.meta.attempt)).collect();
        assert_eq!(handled, committed, "{topic} {seqs:?}");
        let positions: Vec<i64> = done
            .iter()
            .filter(|call| call.topic == topic)
            .filter_map(|call| call.meta.sequence)
            .collect();
        assert!(positions.is_sorted(), "{positions:?}");
        assert_eq!(positions.len(), committed.len());
    }
    assert_eq!(kept(running.db(), "keep_trying").await.len(), log.len());
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn futures_all<T, E: std::fmt::Debug>(
    mut stream: impl futures_util::Stream<Item = Result<T, E>> + Unpin,
) -> Vec<T> {
    use futures_util::StreamExt as _;
    let mut all = Vec::new();
    while let Some(item) = stream.next().await {
        all.push(item.expect("it can be read"));
    }
    all
}

async fn the_key_of_a_structured_event_counts(place: Surroundings) {
    let script = Script::new(async |call| match (call.number, call.meta.attempt) {
        (1, 1..=3) => Err(Error::other("not yet")),
        _ => Ok(()),
    });
    let running = place
        .start([service("one", &script).subscribe(subscribers![keep_trying])])
        .await;
    let messages: Vec<Foreign> = (1..=5)
        .map(|number| {
            let payload = format!(
                r#"{{"specversion":"1.0","id":"id-{number}","type":"note.taken","source":"/elsewhere","key":"a","data":{}}}"#,
                taken_json("a", number)
            );
            Foreign::new("note.taken", payload).header("content-type", "application/cloudevents+json")
        })
        .collect();
    place.put(&running, &messages).await;
    settle(&running).await;
    assert_eq!(script.done_of("a"), [1, 2, 3, 4, 5]);
    assert!(script.done().iter().all(|call| call.meta.key.as_deref() == Some("a")));
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}
