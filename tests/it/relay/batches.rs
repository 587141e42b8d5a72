//! Batches, for a server that syncs its disk before it acknowledges: what becomes of them, and where each event lies.

use std::collections::{BTreeMap, BTreeSet};

use async_nats::HeaderMap;
use async_nats::jetstream::stream;
use futures_util::StreamExt as _;
use shared::db::Engine;
use shared::prelude::*;
use tests::{Nats, eventually};

use crate::child;
use crate::surroundings::{
    CASE, Database, SOON, Stored, Surroundings, TOPICS, commit, commit_at_once, handled, marks, settle, syncing_cases,
};
use crate::vocabulary::counting;

syncing_cases! {
    what_waits_goes_in_batches_and_each_event_keeps_its_place,
    one_event_goes_alone,
    what_was_published_before_goes_one_by_one_and_stays_once,
    a_stream_that_was_forbidden_to_take_batches_gets_single_events_and_is_allowed_again,
    a_stream_with_too_many_open_batches_gets_single_events,
    a_server_that_takes_smaller_batches_gets_them,
    a_batch_that_is_dropped_half_way_has_never_been,
    relays_that_are_killed_in_the_middle_of_batches,
    a_server_that_is_killed_under_load_has_everything_that_it_acknowledged,
}

const MANY: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Where the outbox says that its events lie.
async fn ledger(db: &Db) -> BTreeMap<String, i64> {
    const PLACES: &str = "SELECT event_id, place FROM (SELECT UNNEST(seqs) AS seq, UNNEST(places) AS place \
         FROM shared_ledger WHERE stream = 'TALLY') AS entries JOIN shared_outbox USING (seq)";
    const ROWS: &str = "SELECT event_id, stream_seq FROM shared_outbox WHERE stream = 'TALLY'";
    let rows: Vec<(Uuid, i64)> = match db.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => sqlx::query_as(PLACES).fetch_all(db.postgres().expect("it is Postgres")).await,
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlx::query_as(ROWS).fetch_all(db.sqlite().expect("it is SQLite")).await,
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        engine => unreachable!("{engine} is not compiled in"),
    }
    .expect("the rows can be read");
    rows.into_iter().map(|(id, sequence)| (id.to_string(), sequence)).collect()
}

/// Makes some events unpublished, as when a relay dies before it has noted what it published.
async fn unmark_some(db: &Db) {
    const LEDGER: &str = "WITH taken AS (DELETE FROM shared_ledger RETURNING stream, seqs, places, published_at), \
         entries AS (SELECT stream, UNNEST(seqs) AS seq, UNNEST(places) AS place, published_at FROM taken), \
         kept AS (INSERT INTO shared_ledger (stream, first_place, last_place, events, seqs, places, published_at) \
         SELECT stream, place, place, 1, ARRAY[seq], ARRAY[place], published_at FROM entries WHERE seq % 7 <> 3) \
         INSERT INTO shared_unpublished (seq) SELECT seq FROM entries WHERE seq % 7 = 3";
    const ROWS: &str =
        "UPDATE shared_outbox SET published_at = NULL, stream = NULL, stream_seq = NULL WHERE seq % 7 = 3";
    match db.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => sqlx::query(LEDGER).execute(db.postgres().expect("it is Postgres")).await.map(|_| ()),
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlx::query(ROWS).execute(db.sqlite().expect("it is SQLite")).await.map(|_| ()),
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        engine => unreachable!("{engine} is not compiled in"),
    }
    .expect("the rows can be written");
}

async fn nothing_waits(db: &Db) {
    eventually(SOON, async || match db.outbox().pending().await {
        Ok(0) => Ok(()),
        other => Err(format!("{other:?} wait")),
    })
    .await;
}

/// Proves that each event is in the stream once, under its id, in the place that the outbox has noted, and that each topic
/// has its numbers in order. Returns what the stream has.
async fn each_is_in_its_place(
    place: &Surroundings,
    db: &Db,
    topics: &[&str],
    numbers: std::ops::RangeInclusive<u32>,
) -> Vec<Stored> {
    let expected: Vec<u32> = numbers.collect();
    let stored = place.stored().await;
    for topic in topics {
        let of_topic = stored.iter().filter(|message| message.topic == *topic);
        assert_eq!(of_topic.map(|message| message.number).collect::<Vec<_>>(), expected, "{topic}");
    }
    assert_eq!(stored.len(), expected.len() * topics.len());
    let in_stream: BTreeMap<String, i64> =
        stored.iter().map(|message| (message.id.clone(), message.sequence.cast_signed())).collect();
    assert_eq!(in_stream, ledger(db).await);
    stored
}

/// How many events the batches had, in the order of the stream. The events of a batch lie beside each other.
fn batches(stored: &[Stored]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let chunks = stored.chunk_by(|a, b| a.batch == b.batch).filter(|chunk| chunk[0].batch.is_some());
    let lengths = chunks.map(|chunk| {
        assert!(seen.insert(chunk[0].batch.clone()), "it is in one piece");
        chunk.len()
    });
    lengths.collect()
}

async fn allows_batches(place: &Surroundings) -> bool {
    let stream = place.jetstream().await.get_stream("TALLY").await.expect("it is there");
    stream.cached_info().config.allow_atomic_publish
}

async fn what_waits_goes_in_batches_and_each_event_keeps_its_place(place: Surroundings) {
    let running = place.start(counting()).await;
    assert!(allows_batches(&place).await);
    commit_at_once(running.db(), &MANY, 1..=200).await;
    settle(&running).await;
    let stored = each_is_in_its_place(&place, running.db(), &MANY, 1..=200).await;
    let batches = batches(&stored);
    assert!(batches.iter().sum::<usize>() > 900, "{batches:?}");
    assert!(batches.iter().all(|length| *length <= 512), "{batches:?}");
    for topic in MANY {
        handled(running.db(), topic, 1..=200).await;
    }
    running.shutdown().await.expect("it ends in time");
}

async fn one_event_goes_alone(place: Surroundings) {
    let running = place.start(counting()).await;
    for number in 1..=5 {
        commit(running.db(), number..=number).await;
        handled(running.db(), "b", 1..=number).await;
    }
    let stored = each_is_in_its_place(&place, running.db(), &TOPICS, 1..=5).await;
    assert_eq!(batches(&stored), Vec::<usize>::new());
    running.shutdown().await.expect("it ends in time");
}

async fn what_was_published_before_goes_one_by_one_and_stays_once(place: Surroundings) {
    let running = place.start(counting()).await;
    commit_at_once(running.db(), &MANY, 1..=60).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");
    let db = place.db().await;
    let before = ledger(&db).await;
    // some of a batch, in its middle, and new ones after them
    unmark_some(&db).await;
    commit_at_once(&db, &MANY, 61..=120).await;
    let running = place.start(counting()).await;
    settle(&running).await;
    each_is_in_its_place(&place, running.db(), &MANY, 1..=120).await;
    let after = ledger(&db).await;
    assert!(before.iter().all(|(id, sequence)| after.get(id) == Some(sequence)), "they are where they were");
    running.shutdown().await.expect("it ends in time");
}

async fn a_stream_that_was_forbidden_to_take_batches_gets_single_events_and_is_allowed_again(place: Surroundings) {
    let running = place.start(counting()).await;
    commit_at_once(running.db(), &MANY, 1..=20).await;
    settle(&running).await;
    let stream = place.jetstream().await.get_stream("TALLY").await.expect("it is there");
    let forbidden = stream::Config { allow_atomic_publish: false, ..stream.cached_info().config.clone() };
    place.jetstream().await.update_stream(forbidden).await.expect("the stream is changed");
    commit_at_once(running.db(), &MANY, 21..=40).await;
    settle(&running).await;
    commit_at_once(running.db(), &MANY, 41..=60).await;
    settle(&running).await;
    let stored = each_is_in_its_place(&place, running.db(), &MANY, 1..=60).await;
    assert!(stored[100..].iter().any(|message| message.batch.is_none()));
    assert!(stored[200..].iter().any(|message| message.batch.is_some()));
    assert!(allows_batches(&place).await);
    running.shutdown().await.expect("it ends in time");
}

/// Begins so many batches that are never ended. The server keeps them for ten seconds, and 50 at once.
async fn open_batches(place: &Surroundings, batches: usize) {
    let client = async_nats::connect(place.nats.url()).await.expect("the server lets us in");
    for number in 0..batches {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Batch-Id", format!("{number}-{}", id::new().simple()));
        headers.insert("Nats-Batch-Sequence", "1");
        let request = async_nats::Request::new().headers(headers).payload("half-way".into());
        client.send_request("tally.other", request).await.expect("the server answers");
    }
}

async fn a_stream_with_too_many_open_batches_gets_single_events(place: Surroundings) {
    let running = place.start(counting()).await;
    open_batches(&place, 50).await;
    commit_at_once(running.db(), &MANY, 1..=20).await;
    settle(&running).await;
    let stored = each_is_in_its_place(&place, running.db(), &MANY, 1..=20).await;
    assert_eq!(running.metrics().await.expect("they can be read").relay.failures, 0, "nothing had to wait");
    assert!(stored.iter().any(|message| message.batch.is_none()));
    running.shutdown().await.expect("it ends in time");
}

async fn a_server_that_takes_smaller_batches_gets_them(mut place: Surroundings) {
    let server = Nats::start_with("jetstream { sync_interval: always, limits { batch { max_msgs: 100 } } }").await;
    place.config.nats_url = Some(server.url());
    place.nats = server;
    let running = place.start(counting()).await;
    for round in 0..4 {
        commit_at_once(running.db(), &MANY, round * 100 + 1..=round * 100 + 100).await;
        settle(&running).await;
    }
    let stored = each_is_in_its_place(&place, running.db(), &MANY, 1..=400).await;
    let batches = batches(&stored);
    assert!(batches.iter().any(|length| *length > 8) && batches.iter().all(|length| *length <= 100), "{batches:?}");
    running.shutdown().await.expect("it ends in time");
}

async fn a_batch_that_is_dropped_half_way_has_never_been(place: Surroundings) {
    let running = place.start(counting()).await;
    open_batches(&place, 3).await;
    let client = async_nats::connect(place.nats.url()).await.expect("the server lets us in");
    let mut advisories =
        client.subscribe("$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.TALLY").await.expect("it can be listened to");
    client.flush().await.expect("the server has heard it");
    commit_at_once(running.db(), &MANY, 1..=20).await;
    settle(&running).await;
    for _ in 0..3 {
        tokio::time::timeout(SOON, advisories.next()).await.expect("it is given up").expect("the server is there");
    }
    each_is_in_its_place(&place, running.db(), &MANY, 1..=20).await;
    let stream = place.jetstream().await.get_stream("TALLY").await.expect("it is there");
    assert_eq!(stream.cached_info().state.messages, 100);
    running.shutdown().await.expect("it ends in time");
}

async fn relays_that_are_killed_in_the_middle_of_batches(place: Surroundings) {
    const EACH: u32 = 400;
    let db = place.db().await;
    let mut process = child::start(&place).await;
    for round in 0..5 {
        let before = place.stored().await.len();
        commit_at_once(&db, &MANY, round * EACH + 1..=round * EACH + EACH).await;
        eventually(SOON, async || {
            let stream = place.jetstream().await.get_stream("TALLY").await.map_err(|error| error.to_string())?;
            let stored = stream.cached_info().state.messages;
            if stored > before as u64 { Ok(()) } else { Err(format!("{stored} are stored")) }
        })
        .await;
        process.kill();
        process = child::start(&place).await;
    }
    nothing_waits(&db).await;
    let stored = each_is_in_its_place(&place, &db, &MANY, 1..=5 * EACH).await;
    assert!(!batches(&stored).is_empty());
    for topic in MANY {
        eventually(SOON, async || {
            let mut handled = marks(&db, "early", topic).await;
            handled.sort_unstable();
            tests::equal(handled, (1..=5 * EACH).collect::<Vec<_>>())
        })
        .await;
    }
}

async fn a_server_that_is_killed_under_load_has_everything_that_it_acknowledged(mut place: Surroundings) {
    const EACH: u32 = 300;
    let running = place.start(counting()).await;
    for round in 0..4 {
        let before = running.metrics().await.expect("they can be read").relay.published;
        let (db, first) = (running.db().clone(), round * EACH + 1);
        let writer = tokio::spawn(async move {
            for part in 0..6 {
                let first = first + part * (EACH / 6);
                commit_at_once(&db, &MANY, first..=first + EACH / 6 - 1).await;
            }
        });
        eventually(SOON, async || {
            let published = running.metrics().await.map_err(|error| error.to_string())?.relay.published;
            if published > before { Ok(()) } else { Err(format!("{published} are published")) }
        })
        .await;
        place.nats.kill();
        writer.await.expect("everything is committed");
        place.nats.restart().await;
    }
    settle(&running).await;
    assert_eq!(running.metrics().await.expect("they can be read").relay.replayed, 0, "nothing had gone");
    each_is_in_its_place(&place, running.db(), &MANY, 1..=4 * EACH).await;
    for topic in MANY {
        handled(running.db(), topic, 1..=4 * EACH).await;
    }
    running.shutdown().await.expect("it ends in time");
}

/// Events that wait for each other go at once: nothing waits for a batch to become full.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_syncs_later_may_be_said_to_sync_always() {
    let case = async {
        let database = if cfg!(feature = "sqlite") { Database::File } else { Database::Postgres };
        let mut place = Surroundings::with(database, Nats::start().await).await;
        place.config.nats_sync_always = true;
        let running = place.start(counting()).await;
        commit_at_once(running.db(), &MANY, 1..=50).await;
        settle(&running).await;
        each_is_in_its_place(&place, running.db(), &MANY, 1..=50).await;
        running.shutdown().await.expect("it ends in time");
        // and back: the stream goes on to take batches, and gets none
        place.config.nats_sync_always = false;
        let running = place.start(counting()).await;
        commit_at_once(running.db(), &MANY, 51..=100).await;
        settle(&running).await;
        let stored = each_is_in_its_place(&place, running.db(), &MANY, 1..=100).await;
        assert!(stored[250..].iter().all(|message| message.batch.is_none()));
        assert!(allows_batches(&place).await, "another service may send some");
        running.shutdown().await.expect("it ends in time");
    };
    tokio::time::timeout(CASE, case).await.expect("the case ends in time");
}
