//! A server that does not answer: bounded waits, and connections that nobody gets again.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use shared::db::{DbOptions, Health};
use shared::prelude::*;
use tests::{Postgres, Proxy, eventually};

use crate::surroundings::{CASE, Database, SOON, Surroundings, Thing, clean, names, thing};

const SHORT: Duration = Duration::from_millis(300);

async fn behind_a_proxy() -> (Surroundings, Proxy, Db) {
    let place = Surroundings::new(Database::Postgres).await;
    let proxy = Proxy::start(Postgres::shared().await.address()).await;
    let options = DbOptions::new(&proxy.url(&place.url)).max_connections(2).statement_timeout(SHORT);
    let db = place.connect(options.acquire_timeout(Duration::from_secs(3))).await;
    (place, proxy, db)
}

fn is_timeout<T: std::fmt::Debug>(result: Result<T>) {
    match result {
        Err(Error::Timeout { .. } | Error::Busy { .. }) => {}
        other => panic!("{other:?} is no timeout"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_statement_is_ended_by_the_server() {
    let (_place, _proxy, db) = behind_a_proxy().await;
    let slow = db.transaction(async |tx| {
        tx.postgres(async |connection| Ok(sqlx::query("SELECT pg_sleep(60)").execute(connection).await.map(|_| ())?))
            .await
    });
    match slow.await {
        Err(Error::Timeout { what: "the statement" }) => {}
        other => panic!("{other:?}"),
    }
    clean(&db).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_ever_and_the_pool_recovers() {
    let (_place, proxy, db) = behind_a_proxy().await;
    let case = async {
        db.repo::<Thing>().create(thing("before")).await.expect("it is written");
        // both connections are open
        db.transaction(async |_tx| db.ping().await).await.expect("the server answers");
        // a dropped statement and transaction, whose connections come back to the pool behind a dead link
        proxy.half_open();
        let things = db.repo::<Thing>();
        let dropped = tokio::time::timeout(Duration::from_millis(50), things.count()).await;
        assert!(dropped.is_err(), "the server does not answer");
        is_timeout(db.transaction(async |tx| tx.repo::<Thing>().count().await).await);
        eventually(SOON, async || things.count().await.map(|_| ()).map_err(|error| error.to_string())).await;
        // a transaction whose statement gets no answer
        let cut = db.transaction(async |tx| {
            tx.repo::<Thing>().create(thing("lost")).await?;
            proxy.half_open();
            tx.repo::<Thing>().create(thing("lost too")).await
        });
        is_timeout(cut.await);
        // one whose commit gets none
        let cut = db.transaction(async |tx| {
            tx.repo::<Thing>().create(thing("lost")).await?;
            proxy.half_open();
            Ok(())
        });
        is_timeout(cut.await);
        eventually(SOON, async || db.ping().await.map_err(|error| error.to_string())).await;
        clean(&db).await;
        assert_eq!(names(&db).await, ["before"]);
    };
    tokio::time::timeout(CASE, case).await.expect("it ends in time");
}

/// The server freezes while rows are read, by a cursor of its own and inside of a transaction: the reader is told so, and
/// none of the connections is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_from_a_server_that_falls_silent_ends() {
    const ROWS: usize = 2_000;
    let server = Postgres::start().await;
    let options = DbOptions::new(&server.database().await).max_connections(2).statement_timeout(SHORT);
    let db = options.acquire_timeout(Duration::from_secs(3)).connect().await.expect("the database is there");
    let case = async {
        db.create_tables(&entities![Thing]).await.expect("tables are made");
        let things = db.repo::<Thing>();
        let new = (0..ROWS).map(|number| thing(&format!("{number:04}"))).collect();
        things.create_many(new).await.expect("they are written");
        let answers_again = async || {
            server.cont();
            eventually(SOON, async || things.count().await.map(|_| ()).map_err(|error| error.to_string())).await;
            // all connections of the pool, at once and not one after the other
            let both = db.transaction(async |one| {
                db.transaction(async |other| {
                    Ok((one.repo::<Thing>().count().await?, other.repo::<Thing>().count().await?))
                })
                .await
            });
            assert_eq!(both.await.expect("they can be read"), (ROWS as u64, ROWS as u64));
            clean(&db).await;
        };

        let mut rows = things.query().order_by(Thing::NAME.asc()).stream();
        assert!(rows.try_next().await.expect("there are rows").is_some());
        server.stop();
        let mut read = 1;
        let told = loop {
            match rows.try_next().await {
                Ok(Some(_)) => read += 1,
                Ok(None) => panic!("it ends after {read} rows as if these were all"),
                error => break error,
            }
        };
        is_timeout(told);
        assert!(rows.try_next().await.expect("it has ended").is_none());
        answers_again().await;

        // one that is given up while nobody answers
        let mut rows = things.query().stream();
        assert!(rows.try_next().await.expect("there are rows").is_some());
        server.stop();
        drop(rows);
        answers_again().await;

        let in_transaction = db.transaction(async |tx| {
            let mut rows = tx.repo::<Thing>().query().order_by(Thing::NAME.asc()).stream();
            rows.try_next().await?;
            server.stop();
            while rows.try_next().await?.is_some() {}
            Ok(())
        });
        is_timeout(in_transaction.await);
        answers_again().await;
    };
    tokio::time::timeout(CASE, case).await.expect("it ends in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_answers_when_the_database_does_not() {
    let (_place, proxy, db) = behind_a_proxy().await;
    let ready: Health = db.health().await;
    assert!(ready.is_ready() && ready.replica_pool.is_none(), "{ready:?}");
    assert_eq!(ready.pool.max, 2);
    proxy.blackhole();
    let silent = db.health().await;
    assert!(silent.latency.is_none() && !silent.is_ready(), "{silent:?}");
    proxy.heal();
    eventually(SOON, async || match db.health().await {
        health if health.is_ready() => Ok(()),
        health => Err(format!("{health:?}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_to_the_replica_and_stays_there() {
    // To the client a replica is another server: here it is another database, so that it shows who answered.
    let (primary, replica) = (Surroundings::new(Database::Postgres).await, Surroundings::new(Database::Postgres).await);
    let on_replica = replica.db().await;
    on_replica.repo::<Thing>().create(thing("of the replica")).await.expect("it is written");
    let db = primary.connect(DbOptions::new(&primary.url).replica(&replica.url)).await;
    db.repo::<Thing>().create(thing("of the primary")).await.expect("it is written");
    let reading = db.read_only();
    assert_eq!(names(&db).await, ["of the primary"]);
    assert_eq!(names(&reading).await, ["of the replica"]);
    let in_one = reading.transaction(async |tx| {
        let first = tx.repo::<Thing>().query().all().await?;
        let again = tx.db().transaction(async |tx| tx.repo::<Thing>().query().all().await).await?;
        Ok((first, again))
    });
    let (first, again) = in_one.await.expect("it reads");
    assert_eq!((first[0].name.as_str(), again[0].name.as_str()), ("of the replica", "of the replica"));
    let health = db.health().await;
    assert!(health.replica_latency.is_some() && health.is_ready(), "{health:?}");
}
