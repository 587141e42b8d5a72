//! Connections of Postgres that are kept for the next statement: never one that is in a transaction, never one that
//! somebody else waits for, and none for ever.

use std::time::Duration;

use shared::db::DbOptions;
use shared::prelude::*;
use sqlx::{Connection as _, PgConnection};
use tests::eventually;

use crate::surroundings::{CASE, Database, Moment, SOON, Surroundings, Thing, dropped_after, named, names, thing};

/// More steps than any of the calls takes.
const MOST: usize = 40;

async fn place() -> (Surroundings, PgConnection) {
    let place = Surroundings::new(Database::Postgres).await;
    let watcher = PgConnection::connect(&place.url).await.expect("the server is there");
    (place, watcher)
}

async fn sessions(watcher: &mut PgConnection) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
               AND backend_type = 'client backend'";
    sqlx::query_scalar(sql).fetch_one(watcher).await.expect("the server answers")
}

async fn no_session_is_left(watcher: PgConnection) {
    let watcher = tokio::sync::Mutex::new(watcher);
    eventually(SOON, async || match sessions(&mut *watcher.lock().await).await {
        0 => Ok(()),
        left => Err(format!("{left} sessions are left")),
    })
    .await;
}

async fn is_committed(watcher: &mut PgConnection, name: &str) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM things WHERE name = $1)";
    sqlx::query_scalar(sql).bind(name).fetch_one(watcher).await.expect("the server answers")
}

/// On one thread, and without waiting in between: the pool would still be asking the server.
#[tokio::test]
async fn a_connection_is_ready_as_soon_as_its_statement_has_ended() {
    let (place, mut watcher) = place().await;
    let db = place.db().await;
    for turn in 0..10 {
        if turn % 2 == 0 {
            assert_eq!(names(&db).await, [""; 0]);
        } else {
            db.transaction(async |tx| tx.repo::<Thing>().count().await).await.expect("it is read");
        }
        let pool = db.health().await.pool;
        assert_eq!((pool.open, pool.idle, pool.max), (1, 1, 1), "turn {turn}");
    }
    assert_eq!(sessions(&mut watcher).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_dropped_half_way_leaves_nothing_open() {
    let (place, mut watcher) = place().await;
    let db = place.db().await;
    let mut number = 0;
    for steps in 0..MOST {
        for moment in [Moment::Waiting, Moment::Woken] {
            for call in 0..4 {
                let db = &db;
                let name = format!("dropped {steps} {moment:?} {call}");
                let dropped = async move {
                    match call {
                        0 => db.repo::<Thing>().create(thing(&name)).await.map(|_| ()),
                        1 => db.repo::<Thing>().count().await.map(|_| ()),
                        2 => {
                            let work = db.transaction(async |tx| {
                                tx.repo::<Thing>().create(thing(&name)).await?;
                                tx.publish(named(&name)).await
                            });
                            work.await.map(|_| ())
                        }
                        _ => {
                            use futures_util::TryStreamExt as _;
                            db.repo::<Thing>().query().stream().try_for_each(async |_| Ok(())).await
                        }
                    }
                };
                if let Some(result) = dropped_after(steps, moment, dropped).await {
                    result.expect("what comes to its end works");
                }
                number += 1;
                let kept = format!("kept {number}");
                db.repo::<Thing>().create(thing(&kept)).await.expect("it is written");
                assert!(is_committed(&mut watcher, &kept).await, "{call} after {steps} steps, {moment:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_in_the_pool_for_a_connection_that_is_kept() {
    let (place, _watcher) = place().await;
    let db = place.db().await;
    for turn in 0..20 {
        db.repo::<Thing>().create(thing(&turn.to_string())).await.expect("it is written");
        let pool = db.postgres().expect("it is Postgres");
        let connection = tokio::time::timeout(CASE / 2, pool.acquire()).await.expect("one is free");
        drop(connection.expect("one is free"));
    }
    assert_eq!(names(&db).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_nobody_wants_are_closed() {
    let (place, watcher) = place().await;
    let options = DbOptions::new(&place.url).max_connections(3).idle_timeout(Duration::from_secs(1));
    let db = place.connect(options).await;
    let counts = (0..9).map(|_| async { db.repo::<Thing>().count().await });
    futures_util::future::try_join_all(counts).await.expect("they can be read");
    no_session_is_left(watcher).await;
    db.ping().await.expect("it opens another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_closes_those_that_are_kept() {
    let (place, watcher) = place().await;
    let db = place.db().await;
    assert_eq!(names(&db).await, [""; 0]);
    db.close().await;
    no_session_is_left(watcher).await;
    db.ping().await.expect_err("it is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_may_outlive_its_runtime() {
    let (place, watcher) = place().await;
    let url = place.url.clone();
    let outlived = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let db = runtime.block_on(async {
            let db = Db::connect(&url).await.expect("the server is there");
            db.ping().await.expect("the server answers");
            db
        });
        drop(runtime);
        drop(db);
    });
    outlived.join().expect("nothing panics");
    no_session_is_left(watcher).await;
}
