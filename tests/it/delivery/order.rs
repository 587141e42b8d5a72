//! The order of the events of a key.

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use futures_util::TryStreamExt as _;
use shared::prelude::*;
use tests::{Proxy, equal, eventually};

use crate::handlers::{keep_trying, service};
use crate::script::Script;
use crate::surroundings::{Foreign, SOON, Surroundings, cases, commit, kept, no_letters, settle};
use crate::vocabulary::{taken, taken_json};

cases! {
    everywhere: [
        a_retried_head_holds_back_its_own_key_only,
        the_events_of_a_key_are_handled_in_commit_order,
        the_key_of_a_structured_event_counts,
        any_text_is_a_key,
    ],
    lasting: [],
    on_nats: [
        the_order_outlives_an_outage_of_the_server,
        messages_lost_on_the_way_keep_their_place,
    ],
    syncing: [
        a_retried_head_holds_back_its_own_key_only,
        the_events_of_a_key_are_handled_in_commit_order,
        the_order_outlives_an_outage_of_the_server,
        messages_lost_on_the_way_keep_their_place,
    ],
}

async fn a_retried_head_holds_back_its_own_key_only(place: Surroundings) {
    // The head of `a` fails until all of `b` is done: it never succeeds if `a` holds up `b`.
    let script = {
        let seen = std::sync::Arc::new(std::sync::OnceLock::<Script>::new());
        let watched = std::sync::Arc::clone(&seen);
        let script = Script::new(move |call| {
            let done = watched.get().map(|script| script.kept_of("b").len());
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
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    let events = (1..=5).flat_map(|number| [taken("a", number), taken("b", number)]);
    commit(running.db(), events).await;
    settle(&running).await;

    assert_eq!(script.kept_of("a"), [1, 2, 3, 4, 5]);
    assert_eq!(script.kept_of("b"), [1, 2, 3, 4, 5]);
    let done = script.done();
    let position = |topic: &str, number| done.iter().position(|call| call.topic == topic && call.number == number);
    assert!(position("b", 5) < position("a", 1));
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn the_events_of_a_key_are_handled_in_commit_order(place: Surroundings) {
    const TOPICS: [&str; 3] = ["a", "b", "c"];
    const WRITERS: u32 = 4;
    const TRANSACTIONS: u32 = 15;
    // One try in five fails.
    let script = Script::new(async |_| if fastrand::u8(..5) == 0 { Err(Error::other("bad luck")) } else { Ok(()) });
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
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

    let log: Vec<_> = running.db().outbox().entries().try_collect().await.expect("it can be read");
    assert_eq!(log.len() as u32, 2 * WRITERS * TRANSACTIONS);
    let done = script.kept();
    for topic in TOPICS {
        let committed: Vec<String> = log
            .iter()
            .filter(|entry| entry.key.as_deref() == Some(topic))
            .map(|entry| entry.event_id.to_string())
            .collect();
        let handled: Vec<&str> =
            done.iter().filter(|call| call.topic == topic).map(|call| call.meta.event_id.as_str()).collect();
        let seqs: Vec<_> =
            done.iter().filter(|c| c.topic == topic).map(|c| (c.meta.sequence, c.number, c.meta.attempt)).collect();
        assert_eq!(handled, committed, "{topic} {seqs:?}");
        let positions: Vec<i64> =
            done.iter().filter(|call| call.topic == topic).filter_map(|call| call.meta.sequence).collect();
        assert!(positions.is_sorted(), "{positions:?}");
        assert_eq!(positions.len(), committed.len());
    }
    assert_eq!(kept(running.db(), "keep_trying").await.len(), log.len());
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn the_key_of_a_structured_event_counts(place: Surroundings) {
    let script = Script::new(async |call| match (call.number, call.meta.attempt) {
        (1, 1..=3) => Err(Error::other("not yet")),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
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
    assert_eq!(script.kept_of("a"), [1, 2, 3, 4, 5]);
    assert!(script.done().iter().all(|call| call.meta.key.as_deref() == Some("a")));
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn any_text_is_a_key(place: Surroundings) {
    let keys = ["ä ö", "a.b.*.>", "100 %", "\"quoted\"", "two\nlines", "%41"];
    let script = Script::new(async |call| match (call.number, call.meta.attempt) {
        (1, 1..=3) => Err(Error::other("not yet")),
        _ => Ok(()),
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    commit(running.db(), (1..=3).flat_map(|number| keys.map(|key| taken(key, number)))).await;
    settle(&running).await;
    for key in keys {
        assert_eq!(script.kept_of(key), [1, 2, 3], "{key:?}");
    }
    for call in script.done() {
        assert_eq!(call.meta.key.as_deref(), Some(call.topic.as_str()));
    }
    running.shutdown().await.expect("it ends in time");
}

async fn the_order_outlives_an_outage_of_the_server(mut place: Surroundings) {
    // What was on its way when the server died comes again after that time.
    place.config.ack_wait = Duration::from_secs(2);
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    let events = |numbers: std::ops::Range<u32>| numbers.flat_map(|number| [taken("a", number), taken("b", number)]);
    commit(running.db(), events(0..20)).await;
    script.begun_soon(5).await;
    let nats = place.nats.as_mut().expect("these surroundings have NATS");
    nats.kill();
    commit(running.db(), events(20..40)).await;
    nats.restart().await;
    commit(running.db(), events(40..60)).await;
    settle(&running).await;

    let all: Vec<u32> = (0..60).collect();
    assert_eq!(script.kept_of("a"), all);
    assert_eq!(script.kept_of("b"), all);
    assert_eq!(kept(running.db(), "keep_trying").await.len(), 120);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn messages_lost_on_the_way_keep_their_place(mut place: Surroundings) {
    // Longer than the client needs to notice that it hears nothing any more.
    place.config.ack_wait = Duration::from_secs(12);
    let nats = place.nats.as_ref().expect("these surroundings have NATS");
    let proxy = Proxy::start(nats.address()).await;
    place.config.nats_url = Some(proxy.url(&nats.url()));
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    commit(running.db(), [taken("a", 0)]).await;
    settle(&running).await;

    let messages = |numbers: std::ops::Range<u32>| -> Vec<Foreign> {
        let message = |number| Foreign::event("note.taken", taken_json("a", number)).key("a");
        numbers.map(message).collect()
    };
    proxy.blackhole();
    place.put(&running, &messages(1..6)).await;
    let jetstream = async_nats::jetstream::new(place.client().await);
    eventually(SOON, async || {
        let stream = jetstream.get_stream("NOTE").await.map_err(|error| error.to_string())?;
        let consumer = stream.get_consumer::<pull::Config>("one_keep_trying").await;
        let consumer = consumer.map_err(|error| error.to_string())?;
        equal(consumer.cached_info().num_ack_pending, 5)
    })
    .await;
    // The server has delivered them, and nobody has received them.
    proxy.cut();
    proxy.heal();
    place.put(&running, &messages(6..11)).await;
    settle(&running).await;

    assert_eq!(script.kept_of("a"), (0..11).collect::<Vec<u32>>());
    assert_eq!(kept(running.db(), "keep_trying").await.len(), 11);
    running.shutdown().await.expect("it ends in time");
}

/// Numbers are given out before they are committed: what the relay sees last may have the lower ones.
#[cfg(feature = "postgres")]
mod late_commits {
    use sqlx::{Connection as _, PgConnection};
    use tokio::time::timeout;

    use super::*;
    use crate::surroundings::{CASE, Database, Transport};

    /// Takes positions in the outbox for that many events of the key `a`, commits others, then the first ones.
    async fn come_in_order(transport: Transport, late: i32) {
        let place = Surroundings::new(Database::Postgres, transport).await;
        let script = Script::succeed();
        let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
        commit(running.db(), [taken("b", 1)]).await;
        eventually(SOON, async || equal(script.kept_of("b"), [1])).await;

        let mut other = PgConnection::connect(&place.config.database_url).await.expect("Postgres lets us in");
        let mut open = other.begin().await.expect("it begins");
        sqlx::query(
            "WITH written AS (\
             INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) \
             SELECT gen_random_uuid(), 'note.taken', 'note.taken', 'a', '{\"ce-type\":\"note.taken\",\"ce-key\":\"a\"}', \
             convert_to(format('{\"topic\":\"a\",\"number\":%s,\"text\":null}', i % 1000), 'UTF8'), now() \
             FROM generate_series(1, $1) AS i RETURNING seq) \
             INSERT INTO shared_unpublished (seq) SELECT seq FROM written",
        )
        .bind(late)
        .execute(&mut *open)
        .await
        .expect("the rows are taken");
        commit(running.db(), [taken("b", 2)]).await;
        eventually(SOON, async || equal(script.kept_of("b"), [1, 2])).await;
        open.commit().await.expect("it commits");
        commit(running.db(), [taken("a", 1000)]).await;
        settle(&running).await;

        let done = script.done();
        let positions: Vec<i64> =
            done.iter().filter(|call| call.topic == "a").filter_map(|call| call.meta.sequence).collect();
        assert_eq!(positions.len(), usize::try_from(late).expect("it is positive") + 1);
        assert!(
            positions.is_sorted(),
            "the last one came as number {:?}",
            done.iter().position(|call| call.number == 1000)
        );
        no_letters(running.db()).await;
        running.shutdown().await.expect("it ends in time");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_few_come_in_order() {
        timeout(CASE, come_in_order(Transport::InProcess, 3)).await.expect("the case ends in time");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_come_in_order() {
        timeout(CASE, come_in_order(Transport::InProcess, 1500)).await.expect("the case ends in time");
    }

    #[cfg(feature = "nats")]
    #[tokio::test(flavor = "multi_thread")]
    async fn many_come_in_order_over_nats() {
        timeout(CASE, come_in_order(Transport::Nats, 1500)).await.expect("the case ends in time");
    }
}
