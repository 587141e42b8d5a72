//! Servers that have lost what they had acknowledged. The rows of the outbox are still there, and with them the events.

use std::fs;
use std::path::Path;

use tests::{Nats, Scratch, equal, eventually};

use crate::surroundings::{CASE, Database, SOON, Surroundings, TOPICS, cases, commit, handled, settle};
use crate::vocabulary::counting;

cases! {
    an_older_copy_of_the_store_is_noticed,
    an_older_copy_that_others_have_written_to_is_noticed,
    a_lost_tail_is_noticed,
    a_stream_that_was_deleted_is_filled_again,
    a_stream_that_was_deleted_while_nobody_ran_is_filled_again,
    a_stream_in_the_place_of_another_is_noticed_by_its_positions,
    a_server_that_was_killed_has_lost_nothing,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("the directory is there") {
        let entry = entry.expect("it can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

/// Kills the server and keeps a copy of what it has.
pub(crate) async fn back_up(place: &mut Surroundings) -> Scratch {
    let copied = Scratch::new("store");
    place.nats.kill();
    copy(&place.nats.store(), copied.path());
    place.nats.restart().await;
    copied
}

/// Puts the copy in the place of what a killed server had.
pub(crate) fn put_back(place: &Surroundings, copied: &Scratch) {
    fs::remove_dir_all(place.nats.store()).expect("the store can be removed");
    copy(copied.path(), &place.nats.store());
}

async fn an_older_copy_of_the_store_is_noticed(mut place: Surroundings) {
    let running = place.start(counting()).await;
    commit(running.db(), 1..=10).await;
    settle(&running).await;
    let copied = back_up(&mut place).await;
    commit(running.db(), 11..=30).await;
    settle(&running).await;

    place.nats.kill();
    put_back(&place, &copied);
    commit(running.db(), 31..=35).await;
    place.nats.restart().await;
    commit(running.db(), 36..=40).await;
    handled(running.db(), "a", 1..=40).await;
    settle(&running).await;
    let metrics = running.metrics().await.expect("they can be read");
    assert_eq!(metrics.relay.replayed, 40, "20 numbers under two topics");
    assert_eq!((metrics.outbox.waiting, metrics.outbox.oldest), (0, None));
    place.all_is_there(&running, 1..=40).await;
    running.shutdown().await.expect("it ends in time");
}

async fn an_older_copy_that_others_have_written_to_is_noticed(mut place: Surroundings) {
    let running = place.start(counting()).await;
    commit(running.db(), 1..=10).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");
    let copied = back_up(&mut place).await;
    let running = place.start(counting()).await;
    commit(running.db(), 11..=20).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");

    place.nats.kill();
    put_back(&place, &copied);
    place.nats.restart().await;
    // Every position that this service's events had belongs to somebody else now.
    let jetstream = place.jetstream().await;
    for _ in 0..100 {
        let sent = jetstream.publish("tally.by-others", "{}".into()).await.expect("it is sent");
        sent.await.expect("the stream takes it");
    }
    let running = place.start(counting()).await;
    commit(running.db(), 21..=25).await;
    settle(&running).await;
    assert_eq!(running.metrics().await.expect("they can be read").relay.replayed, 20);
    place.all_is_there(&running, 1..=25).await;
    running.shutdown().await.expect("it ends in time");
}

/// What a power cut does to a server that acknowledges before it writes to the disk.
async fn a_lost_tail_is_noticed(mut place: Surroundings) {
    let running = place.start(counting()).await;
    commit(running.db(), 1..=40).await;
    settle(&running).await;
    place.nats.kill();
    let messages = place.nats.store().join("jetstream/$G/streams/TALLY/msgs");
    let block = messages.join("1.blk");
    let size = fs::metadata(&block).expect("the messages are in one file").len();
    let file = fs::OpenOptions::new().write(true).open(&block).expect("it can be opened");
    file.set_len(size / 2 + 7).expect("it can be cut");
    drop(file);
    let _written_at_an_orderly_end = fs::remove_file(messages.join("index.db"));
    place.nats.restart().await;
    commit(running.db(), 41..=45).await;
    settle(&running).await;
    let replayed = running.metrics().await.expect("they can be read").relay.replayed;
    assert!((20..=80).contains(&replayed), "{replayed}");
    place.all_is_there(&running, 1..=45).await;
    running.shutdown().await.expect("it ends in time");
}

async fn a_stream_that_was_deleted_is_filled_again(place: Surroundings) {
    let running = place.start(counting()).await;
    commit(running.db(), 1..=10).await;
    settle(&running).await;
    place.jetstream().await.delete_stream("TALLY").await.expect("it is deleted");
    commit(running.db(), 11..=15).await;
    eventually(SOON, async || equal(running.db().outbox().pending().await.ok(), Some(0))).await;
    running.shutdown().await.expect("it ends in time");
    let running = place.start(counting()).await;
    settle(&running).await;
    place.all_is_there(&running, 1..=15).await;
    running.shutdown().await.expect("it ends in time");
}

async fn a_stream_that_was_deleted_while_nobody_ran_is_filled_again(place: Surroundings) {
    let running = place.start(counting()).await;
    commit(running.db(), 1..=10).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");
    place.jetstream().await.delete_stream("TALLY").await.expect("it is deleted");

    let running = place.start(counting()).await;
    commit(running.db(), 11..=15).await;
    settle(&running).await;
    assert_eq!(running.metrics().await.expect("they can be read").relay.replayed, 20);
    place.all_is_there(&running, 1..=15).await;
    running.shutdown().await.expect("it ends in time");
}

async fn a_stream_in_the_place_of_another_is_noticed_by_its_positions(place: Surroundings) {
    let running = place.start(counting()).await;
    commit(running.db(), 1..=10).await;
    settle(&running).await;
    let jetstream = place.jetstream().await;
    let config = jetstream.get_stream("TALLY").await.expect("it is there").cached_info().config.clone();
    jetstream.delete_stream("TALLY").await.expect("it is deleted");
    jetstream.create_stream(config).await.expect("it is made again");
    // The connection has not changed and nothing fails.
    commit(running.db(), 11..=15).await;
    eventually(SOON, async || {
        let metrics = running.metrics().await.map_err(|error| error.to_string())?;
        equal((metrics.relay.replayed, metrics.outbox.waiting), (20, 0))
    })
    .await;
    running.shutdown().await.expect("it ends in time");
    let running = place.start(counting()).await;
    settle(&running).await;
    // The event whose position shows it may be in the stream already, before those that were lost. All others of its key
    // wait for these.
    let stored = place.stored().await;
    for topic in TOPICS {
        let numbers = stored.iter().filter(|message| message.topic == topic).map(|message| message.number);
        let (first, others): (Vec<u32>, Vec<u32>) = numbers.partition(|number| *number == 11);
        assert_eq!((first, others), (vec![11], (1..=10).chain(12..=15).collect()), "{topic}");
        handled(running.db(), topic, 1..=15).await;
    }
    running.shutdown().await.expect("it ends in time");
}

async fn a_server_that_was_killed_has_lost_nothing(mut place: Surroundings) {
    let running = place.start(counting()).await;
    for round in 0..3 {
        let first = round * 10 + 1;
        commit(running.db(), first..=first + 4).await;
        place.nats.kill();
        commit(running.db(), first + 5..=first + 9).await;
        place.nats.restart().await;
    }
    settle(&running).await;
    assert_eq!(running.metrics().await.expect("they can be read").relay.replayed, 0, "the kernel has everything");
    place.all_is_there(&running, 1..=30).await;
    running.shutdown().await.expect("it ends in time");
}

/// Who may not read messages can still publish events.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_read_messages_can_publish() {
    const USERS: &str = r#"
        authorization {
            users = [
                { user: root, password: toor }
                { user: me, password: s3cret, permissions: { publish: { deny: "$JS.API.STREAM.MSG.GET.>" } } }
            ]
        }
    "#;
    let case = async {
        let database = if cfg!(feature = "postgres") { Database::Postgres } else { Database::File };
        let mut place = Surroundings::with(database, Nats::start_with(USERS).await).await;
        place.config.nats_url = Some(format!("nats://me:s3cret@{}", place.nats.address()));
        for round in 0..2 {
            let running = place.start(counting()).await;
            commit(running.db(), round * 5 + 1..=round * 5 + 5).await;
            handled(running.db(), "b", 1..=round * 5 + 5).await;
            running.shutdown().await.expect("it ends in time");
        }
        let root = async_nats::ConnectOptions::with_user_and_password("root".to_owned(), "toor".to_owned());
        let client = root.connect(place.nats.url()).await;
        let jetstream = async_nats::jetstream::new(client.expect("the server lets us in"));
        let stream = jetstream.get_stream("TALLY").await.expect("it is there");
        assert_eq!(stream.cached_info().state.messages, 20);
    };
    tokio::time::timeout(CASE, case).await.expect("the case ends in time");
}

/// On Postgres one row of the ledger has many places, and rows overlap where events were tried again: as much as here, never.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn entries_that_lie_in_many_rows_are_found() {
    const SCATTER: &str = "WITH taken AS (DELETE FROM shared_ledger RETURNING stream, seqs, places, published_at), \
         entries AS (SELECT stream, UNNEST(seqs) AS seq, UNNEST(places) AS place, published_at FROM taken), \
         parts AS (SELECT *, CASE WHEN random() < 0.5 THEN random() * 20 ELSE 100 + place / 25 END::integer AS part \
         FROM entries) \
         INSERT INTO shared_ledger (stream, first_place, last_place, events, seqs, places, published_at) \
         SELECT stream, min(place), max(place), count(*), array_agg(seq), array_agg(place), max(published_at) \
         FROM parts GROUP BY stream, part";
    let case = async {
        let mut place = Surroundings::new(Database::Postgres).await;
        let running = place.start(counting()).await;
        commit(running.db(), 1..=200).await;
        settle(&running).await;
        let copied = back_up(&mut place).await;
        // more than are made unpublished at once
        commit(running.db(), 201..=1_300).await;
        settle(&running).await;
        running.shutdown().await.expect("it ends in time");

        let db = place.db().await;
        let scattered = sqlx::query(SCATTER).execute(db.postgres().expect("it is Postgres")).await;
        assert!(scattered.expect("the rows can be written").rows_affected() > 30);
        place.nats.kill();
        put_back(&place, &copied);
        place.nats.restart().await;
        let running = place.start(counting()).await;
        commit(running.db(), 1_301..=1_305).await;
        settle(&running).await;
        assert_eq!(running.metrics().await.expect("they can be read").relay.replayed, 2_200);
        place.all_is_there(&running, 1..=1_305).await;
        running.shutdown().await.expect("it ends in time");
    };
    tokio::time::timeout(CASE, case).await.expect("the case ends in time");
}
