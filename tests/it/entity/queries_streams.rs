//! Reading rows one after the other.

use futures_util::TryStreamExt as _;
use shared::Db;

use crate::engines::{execute, on_every_engine};
use crate::vocabulary::{NewWard, Ward, WardPatch};

on_every_engine!(
    a_stream_yields_every_row,
    rows_can_be_changed_while_they_are_read,
    a_transaction_reads_rows_as_they_are,
    a_stream_that_is_dropped_gives_its_connection_back,
    streams_run_side_by_side,
);

async fn wards(db: &Db, wards: i32) {
    let new = (0..wards).map(|beds| NewWard { code: format!("{beds:04}"), part_of: None, beds }).collect();
    db.repo::<Ward>().create_many(new).await.unwrap();
}

async fn a_stream_yields_every_row(db: Db) {
    wards(&db, 2_345).await;
    let repo = db.repo::<Ward>();
    for direction in [Ward::BEDS.asc(), Ward::BEDS.desc()] {
        let query = || repo.query().order_by(direction);
        let expected = query().unlimited().all().await.unwrap();
        assert_eq!(query().stream().try_collect::<Vec<_>>().await.unwrap(), expected);
        let in_transaction = db.transaction(async |tx| {
            tx.repo::<Ward>().query().order_by(direction).stream().try_collect::<Vec<_>>().await
        });
        assert_eq!(in_transaction.await.unwrap(), expected);
        for limit in [0, 1, 250, 500, 501, 9_999] {
            let some: Vec<Ward> = query().limit(limit).stream().try_collect().await.unwrap();
            assert_eq!(some, expected[..limit.min(expected.len())], "limit {limit}");
        }
    }
    let none: Vec<Ward> = repo.query().filter(Ward::BEDS.lt(0)).stream().try_collect().await.unwrap();
    assert_eq!(none, []);
    let error = repo.query().filter(Ward::CODE.eq("\0")).stream().try_next().await.unwrap_err();
    assert!(error.to_string().contains("U+0000"), "{error}");
}

/// Each row is put behind all others, and comes once nevertheless.
async fn rows_can_be_changed_while_they_are_read(db: Db) {
    wards(&db, 600).await;
    let mut seen = Vec::new();
    let repo = db.repo::<Ward>();
    let mut rows = repo.query().order_by(Ward::BEDS.asc()).stream();
    while let Some(ward) = rows.try_next().await.unwrap() {
        seen.push(ward.beds);
        repo.update(&ward, WardPatch::new().beds(ward.beds + 1_000)).await.unwrap();
    }
    assert_eq!(seen, (0..600).collect::<Vec<_>>());
    let seen = db.transaction(async |tx| {
        let repo = tx.repo::<Ward>();
        let (mut seen, mut rows) = (Vec::new(), repo.query().order_by(Ward::BEDS.asc()).stream());
        while let Some(ward) = rows.try_next().await? {
            seen.push(ward.beds);
            repo.update(&ward, WardPatch::new().beds(ward.beds + 1_000)).await?;
        }
        Ok(seen)
    });
    assert_eq!(seen.await.unwrap(), (1_000..1_600).collect::<Vec<_>>());
    assert_eq!(repo.query().filter(Ward::BEDS.ge(2_000)).count().await.unwrap(), 600);
}

async fn a_transaction_reads_rows_as_they_are(db: Db) {
    wards(&db, 1_000).await;
    let seen = db.transaction(async |tx| {
        let repo = tx.repo::<Ward>();
        let mut rows = repo.query().filter(Ward::BEDS.ge(0)).order_by(Ward::CODE.asc()).stream();
        let mut seen = vec![rows.try_next().await?.unwrap().beds];
        // far ahead: one that is deleted, one that no longer passes, one that is another by then, and a new one
        repo.delete_where(Ward::CODE.eq("0900")).await?;
        repo.update_where(Ward::CODE.eq("0901"), WardPatch::new().beds(-1)).await?;
        repo.update_where(Ward::CODE.eq("0902"), WardPatch::new().beds(77)).await?;
        repo.create(NewWard { code: "0903a".into(), part_of: None, beds: 78 }).await?;
        while let Some(ward) = rows.try_next().await? {
            seen.push(ward.beds);
        }
        Ok(seen)
    });
    let seen = seen.await.unwrap();
    assert_eq!(seen.len(), 998);
    assert_eq!(seen[898..902], [898, 899, 77, 903]);
}

async fn a_stream_that_is_dropped_gives_its_connection_back(db: Db) {
    wards(&db, 2_000).await;
    let repo = db.repo::<Ward>();
    for rows in 0..30 {
        let mut stream = repo.query().order_by(Ward::CODE.asc()).stream();
        for beds in 0..rows {
            assert_eq!(stream.try_next().await.unwrap().map(|ward| ward.beds), Some(beds));
        }
    }
    // in a transaction, too, which goes on
    let count = db.transaction(async |tx| {
        let repo = tx.repo::<Ward>();
        assert!(repo.query().stream().try_next().await?.is_some());
        repo.delete_where(Ward::BEDS.ge(1_000)).await?;
        repo.count().await
    });
    assert_eq!((count.await.unwrap(), repo.count().await.unwrap()), (1_000, 1_000));
}

async fn streams_run_side_by_side(db: Db) {
    wards(&db, 1_200).await;
    db.transaction(async |tx| {
        let repo = tx.repo::<Ward>();
        // of the same statement
        let mut one = repo.query().order_by(Ward::BEDS.asc()).stream();
        let mut other = repo.query().order_by(Ward::BEDS.asc()).stream();
        let mut values = repo.query().order_by(Ward::BEDS.desc()).values(Ward::BEDS).stream();
        for beds in 0..1_200 {
            assert_eq!(one.try_next().await?.map(|ward| ward.beds), Some(beds));
            assert_eq!(other.try_next().await?.map(|ward| ward.beds), Some(beds));
            assert_eq!(values.try_next().await?, Some(1_199 - beds));
        }
        assert_eq!((one.try_next().await?, values.try_next().await?), (None, None));
        Ok(())
    })
    .await
    .unwrap();
    let repo = db.repo::<Ward>();
    let mut streams: Vec<_> = (0..3).map(|_| repo.query().order_by(Ward::BEDS.asc()).stream()).collect();
    for beds in 0..1_200 {
        for stream in &mut streams {
            assert_eq!(stream.try_next().await.unwrap().map(|ward| ward.beds), Some(beds));
        }
    }
}

/// Where the stream has a connection of its own, it shows the rows of one moment.
async fn others_change_nothing_that_a_stream_reads(db: Db) {
    wards(&db, 1_000).await;
    let repo = db.repo::<Ward>();
    let mut rows = repo.query().order_by(Ward::CODE.asc()).stream();
    let mut seen = vec![rows.try_next().await.unwrap().unwrap().beds];
    execute(&db, "UPDATE wards SET bed_count = -1").await.unwrap();
    repo.create(NewWard { code: "0500a".into(), part_of: None, beds: 78 }).await.unwrap();
    repo.delete_where(Ward::CODE.eq("0900")).await.unwrap();
    while let Some(ward) = rows.try_next().await.unwrap() {
        seen.push(ward.beds);
    }
    assert_eq!(seen, (0..1_000).collect::<Vec<_>>());
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn others_change_nothing_that_a_stream_of_a_sqlite_file_reads() {
    let scratch = tests::Scratch::new("entity");
    let db = Db::connect(&crate::engines::file_in(&scratch)).await.unwrap();
    crate::engines::tables(&db).await;
    others_change_nothing_that_a_stream_reads(db.clone()).await;
    db.close().await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn others_change_nothing_that_a_stream_of_postgres_reads() {
    let db = Db::connect(&tests::Postgres::shared().await.database().await).await.unwrap();
    crate::engines::tables(&db).await;
    others_change_nothing_that_a_stream_reads(db.clone()).await;
    db.close().await;
}

/// Back-pressure is no slow statement: the server waits for the reader, and the timeout does not run.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn rows_can_be_taken_more_slowly_than_a_statement_may_take() {
    use std::time::{Duration, Instant};

    use shared::Config;
    use shared::db::DbOptions;

    const TIMEOUT: Duration = Duration::from_millis(300);
    let url = tests::Postgres::shared().await.database().await;
    let timeout = |name: &str| (name == "DATABASE_STATEMENT_TIMEOUT").then(|| "300ms".to_owned());
    let config = Config::from_lookup(timeout).unwrap().with_database_url(&url);
    let db = DbOptions::from_config(&config).connect().await.unwrap();
    crate::engines::tables(&db).await;
    // more than what fits into the buffers between server and client
    let new = (0..20_000).map(|beds| NewWard { code: format!("{beds:05}{}", "x".repeat(1_000)), part_of: None, beds });
    for chunk in new.collect::<Vec<_>>().chunks(1_000) {
        db.repo::<Ward>().create_many(chunk.to_vec()).await.unwrap();
    }
    let mut rows = db.repo::<Ward>().query().order_by(Ward::CODE.asc()).stream();
    assert!(rows.try_next().await.unwrap().is_some());
    // the reader is busy with something else, for longer than the timeout
    let (busy, since) = (Db::connect(&url).await.unwrap(), Instant::now());
    while since.elapsed() < 3 * TIMEOUT {
        sqlx::query("SELECT pg_sleep(0.1)").execute(busy.postgres().unwrap()).await.unwrap();
    }
    let rest = rows.try_fold(1, async |rows, _| Ok(rows + 1)).await.unwrap();
    assert_eq!(rest, 20_000);
    db.close().await;
    busy.close().await;
}
