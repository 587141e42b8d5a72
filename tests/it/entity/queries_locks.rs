//! Locking rows.

use shared::Db;
use shared::error::ErrorKind;

use crate::engines::on_every_engine;
use crate::vocabulary::{NewWard, Ward, WardPatch};

on_every_engine!(outside_of_a_transaction_nothing_can_be_locked, every_row_is_taken_by_one_worker);

async fn wards(db: &Db, wards: i32) {
    let new = (0..wards).map(|beds| NewWard { code: format!("{beds:02}"), part_of: None, beds }).collect();
    db.repo::<Ward>().create_many(new).await.unwrap();
}

async fn outside_of_a_transaction_nothing_can_be_locked(db: Db) {
    wards(&db, 1).await;
    let query = db.repo::<Ward>().query().lock_for_update();
    for error in [query.clone().all().await.unwrap_err(), query.skip_locked().first().await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("use the repository of a `Tx`"), "{error}");
    }
}

/// Several workers take rows from one table, each a few at a time.
async fn every_row_is_taken_by_one_worker(db: Db) {
    const ROWS: i32 = 40;
    wards(&db, ROWS).await;
    let mut workers = tokio::task::JoinSet::new();
    for worker in 1..=4 {
        let db = db.clone();
        workers.spawn(async move {
            let mut taken = 0;
            loop {
                let took = db.transaction(async |tx| {
                    let repo = tx.repo::<Ward>();
                    let waiting = repo.query().filter(Ward::BEDS.ge(0)).order_by(Ward::BEDS.asc()).limit(3);
                    let rows = waiting.lock_for_update().skip_locked().all().await?;
                    for row in &rows {
                        repo.update(row, WardPatch::new().beds(-worker)).await?;
                    }
                    Ok(rows.len())
                });
                match took.await.unwrap() {
                    // rows that others hold come back, or do not
                    0 if db.repo::<Ward>().query().filter(Ward::BEDS.ge(0)).exists().await.unwrap() => {}
                    0 => return taken,
                    took => taken += took,
                }
            }
        });
    }
    let taken: usize = workers.join_all().await.into_iter().sum();
    assert_eq!(taken, ROWS as usize);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn locked_rows_are_waited_for_left_out_or_an_error() {
    let db = Db::connect(&tests::Postgres::shared().await.database().await).await.unwrap();
    crate::engines::tables(&db).await;
    wards(&db, 3).await;
    let result = db
        .transaction(async |tx| {
            let first = tx.repo::<Ward>().query().order_by(Ward::CODE.asc()).lock_for_update().first().await?;
            assert_eq!(first.map(|ward| ward.beds), Some(0));
            let beds = async |query: fn(shared::entity::LockedQuery<Ward>) -> shared::entity::LockedQuery<Ward>| {
                db.transaction(async |tx| {
                    let ordered = tx.repo::<Ward>().query().order_by(Ward::CODE.asc());
                    let rows = query(ordered.lock_for_update()).all().await?;
                    Ok(rows.iter().map(|ward| ward.beds).collect::<Vec<_>>())
                })
                .await
            };
            assert_eq!(beds(|query| query.skip_locked()).await?, [1, 2]);
            let error = beds(|query| query.no_wait()).await.unwrap_err();
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Busy, true));
            // who waits gets the row as it is afterwards
            let waiting = {
                let db = db.clone();
                tokio::spawn(async move {
                    db.transaction(async |tx| {
                        let ordered = tx.repo::<Ward>().query().order_by(Ward::CODE.asc());
                        ordered.lock_for_update().first().await
                    })
                    .await
                })
            };
            let pool = db.postgres().unwrap();
            let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE' AND datname = current_database()";
            tests::eventually(std::time::Duration::from_secs(20), async || {
                tests::equal(sqlx::query_scalar::<_, i64>(waits).fetch_one(pool).await.unwrap(), 1)
            })
            .await;
            tx.repo::<Ward>().update_where(Ward::CODE.eq("00"), WardPatch::new().beds(77)).await?;
            Ok::<_, shared::Error>(waiting)
        })
        .await;
    let ward = result.unwrap().await.unwrap().unwrap();
    assert_eq!(ward.map(|ward| ward.beds), Some(77));
    db.close().await;
}
