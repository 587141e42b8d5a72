//! How long published events are kept, and what was handled is remembered.

use std::time::Duration;

use shared::db::Engine;
use shared::prelude::*;
use tests::{equal, eventually};

use crate::handlers::{keep, service};
use crate::script::Script;
use crate::surroundings::{SOON, Surroundings, cases, commit, kept, letters, settle, unmark_all};
use crate::vocabulary::taken;

const DAY: Duration = Duration::from_secs(24 * 3600);

cases! {
    everywhere: [],
    lasting: [
        published_events_are_deleted_after_their_retention,
        handled_events_are_forgotten_and_stay_counted,
        an_event_that_may_come_again_is_not_forgotten,
        dead_letters_are_deleted_after_their_retention,
    ],
    on_nats: [an_inbox_that_forgets_before_the_stream_is_refused],
}

async fn published_events_are_deleted_after_their_retention(mut place: Surroundings) {
    let script = Script::succeed();
    let db = place.db().await;
    let rows = async || db.outbox().published_by_subject().await.ok();
    let count = async || rows().await.map(|rows| rows.get("note.taken").copied().unwrap_or_default());

    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), (1..=2_500).map(|number| taken("a", number % 1000))).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");
    assert_eq!(count().await, Some(2_500), "they are young");
    let last = db.outbox().last().await.expect("it can be read");

    place.config.outbox_retention = Duration::ZERO;
    commit(&db, [taken("a", 1)]).await;
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    settle(&running).await;
    eventually(SOON, async || {
        let left = count().await;
        // What was published after the first look waits for the next one.
        if left <= Some(1) { Ok(()) } else { equal(left, Some(1)) }
    })
    .await;
    assert_eq!(kept(&db, "keep").await.len(), 2_501);
    running.shutdown().await.expect("it ends in time");

    commit(&db, [taken("a", 2)]).await;
    let next = db.outbox().last().await.expect("it can be read");
    assert!(next > last, "{next} comes after {last}: no position is given twice");
}

/// Limits the age of the stream, if there is one.
async fn limit_stream(place: &Surroundings, max_age: Duration) {
    if !place.on_nats() {
        return;
    }
    let jetstream = async_nats::jetstream::new(place.client().await);
    let stream = jetstream.get_stream("NOTE").await.expect("the stream is there");
    let config = async_nats::jetstream::stream::Config { max_age, ..stream.cached_info().config.clone() };
    jetstream.update_stream(config).await.expect("the stream is changed");
}

/// Moves the times of a column into the past.
async fn age(db: &Db, sql: &'static str) {
    let long_ago = time::now() - TimeDelta::days(100);
    macro_rules! age {
        ($pool:expr) => {
            sqlx::query(sql).bind(long_ago).execute($pool.expect("the engine is known")).await.map(|_| ())
        };
    }
    match db.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => age!(db.postgres()),
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => age!(db.sqlite()),
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        engine => unreachable!("{engine} is not compiled in"),
    }
    .expect("the rows can be written");
}

const AGE_INBOX: &str = "UPDATE shared_inbox SET handled_at = $1";

async fn remembered(db: &Db) -> u64 {
    db.inbox().remembered().await.expect("it can be read")
}

async fn handled_events_are_forgotten_and_stay_counted(mut place: Surroundings) {
    let script = Script::succeed();
    let db = place.db().await;
    let service = || service("one", &script).subscribe(subscribers![keep]);
    let running = place.start([service()]).await;
    commit(running.db(), (1..=1_500).map(|number| taken("a", number % 1000))).await;
    settle(&running).await;
    place.deliver_all_again(&running).await;
    let suppressed = async || db.inbox().duplicates_suppressed().await.expect("it can be read");
    eventually(SOON, async || equal(suppressed().await, 1_500)).await;
    settle(&running).await;
    limit_stream(&place, DAY).await;
    running.shutdown().await.expect("it ends in time");

    // the outbox forgets first
    place.config.outbox_retention = Duration::ZERO;
    let running = place.start([service()]).await;
    let published = async || db.outbox().published_by_subject().await.map_or(1, |subjects| subjects.len());
    eventually(SOON, async || equal(published().await, 0)).await;
    running.shutdown().await.expect("it ends in time");
    assert_eq!(remembered(&db).await, 1_500, "they are young");

    age(&db, AGE_INBOX).await;
    let running = place.start([service()]).await;
    eventually(SOON, async || equal(remembered(&db).await, 0)).await;
    assert_eq!(db.inbox().handled().await.expect("it can be read"), 1_500);
    assert_eq!(suppressed().await, 1_500);
    commit(&db, [taken("a", 1)]).await;
    settle(&running).await;
    assert_eq!(db.inbox().handled().await.expect("it can be read"), 1_501);
    assert_eq!(kept(&db, "keep").await.len(), 1_501);
    running.shutdown().await.expect("it ends in time");
}

async fn an_event_that_may_come_again_is_not_forgotten(place: Surroundings) {
    let script = Script::succeed();
    let db = place.db().await;
    let service = || service("one", &script).subscribe(subscribers![keep]);
    let running = place.start([service()]).await;
    commit(running.db(), (1..=3).map(|number| taken("a", number))).await;
    settle(&running).await;
    limit_stream(&place, DAY).await;
    running.shutdown().await.expect("it ends in time");

    // it was switched off for long, and had not noted what it published
    age(&db, AGE_INBOX).await;
    unmark_all(&db).await;
    let running = place.start([service()]).await;
    settle(&running).await;
    assert_eq!(kept(&db, "keep").await, [1, 2, 3]);
    assert_eq!(remembered(&db).await, 3);
    running.shutdown().await.expect("it ends in time");
}

async fn dead_letters_are_deleted_after_their_retention(mut place: Surroundings) {
    let script = Script::new(async |call| if call.number == 3 { Ok(()) } else { Err(Error::permanent("broken")) });
    let db = place.db().await;
    let service = || service("one", &script).subscribe(subscribers![keep]);
    let running = place.start([service()]).await;
    commit(running.db(), [taken("a", 1), taken("a", 2)]).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");
    age(&db, "UPDATE shared_dead_letters SET parked_at = $1").await;

    let running = place.start([service()]).await;
    commit(running.db(), [taken("a", 3)]).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");
    assert_eq!(letters(&db).await.len(), 2, "they wait until somebody looks");

    place.config.dead_letter_retention = Some(DAY * 30);
    let running = place.start([service()]).await;
    commit(running.db(), [taken("a", 4)]).await;
    eventually(SOON, async || {
        let day = time::now() - TimeDelta::days(1);
        let young: Vec<bool> = letters(&db).await.iter().map(|letter| letter.parked_at > day).collect();
        equal(young, vec![true])
    })
    .await;
    running.shutdown().await.expect("it ends in time");
}

async fn an_inbox_that_forgets_before_the_stream_is_refused(mut place: Surroundings) {
    let script = Script::succeed();
    let service = || service("one", &script).subscribe(subscribers![keep]);
    place.config.stream_max_age = Some(Duration::ZERO);
    place.start([service()]).await.shutdown().await.expect("it ends in time");
    place.config.stream_max_age = None;
    let refused = async |place: &Surroundings| {
        let error = shared::start(&place.config, [service()]).await.expect_err("it is refused");
        error.to_string()
    };

    place.config.inbox_retention = Some(DAY * 36);
    let text = refused(&place).await;
    for part in ["`INBOX_RETENTION`: it is 36d", "`NOTE`", "for ever", "help: "] {
        assert!(text.contains(part), "{text}");
    }
    limit_stream(&place, DAY * 30).await;
    let text = refused(&place).await;
    for part in
        ["`INBOX_RETENTION`: it is 36d", "`NOTE`", "30d", "`OUTBOX_RETENTION`", "help: unset it, or set it to 37d"]
    {
        assert!(text.contains(part), "{text}");
    }
    place.config.inbox_retention = Some(DAY * 37);
    place.start([service()]).await.shutdown().await.expect("it ends in time");
}
