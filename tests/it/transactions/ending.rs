//! How a transaction ends, and what is left of it.

use std::sync::{Arc, Mutex};

use shared::prelude::*;
use tests::eventually;

use crate::surroundings::{SOON, Surroundings, Thing, cases, clean, holds, is_usage, named, thing};

cases! {
    everywhere: [
        a_commit_keeps_rows_and_events,
        an_error_undoes_rows_and_events,
        a_panic_undoes_rows_and_events,
        an_empty_transaction_is_nothing,
        a_repository_cannot_outlive_its_transaction,
        nothing_is_seen_before_the_commit,
    ],
    lasting: [others_see_nothing_before_the_commit],
}

async fn both(tx: &mut Tx, name: &str) -> Result<Thing> {
    let created = tx.repo::<Thing>().create(thing(name)).await?;
    tx.publish(named(name)).await?;
    Ok(created)
}

async fn a_commit_keeps_rows_and_events(place: Surroundings) {
    let db = place.db().await;
    let created = db.transaction(async |tx| {
        both(tx, "a").await?;
        both(tx, "b").await
    });
    let created = created.await.expect("it commits");
    assert_eq!(db.repo::<Thing>().get(created.id).await.expect("it is there"), created);
    holds(&db, &["a", "b"]).await;
    clean(&db).await;
}

async fn an_error_undoes_rows_and_events(place: Surroundings) {
    let db = place.db().await;
    let refused = db.transaction(async |tx| {
        both(tx, "a").await?;
        Err::<(), _>(Error::other("changed my mind"))
    });
    let error = refused.await.expect_err("the closure's error");
    assert_eq!(error.to_string(), Error::other("changed my mind").to_string());
    holds(&db, &[]).await;
    clean(&db).await;
    db.transaction(async |tx| both(tx, "a").await).await.expect("the name is free");
    holds(&db, &["a"]).await;
}

async fn a_panic_undoes_rows_and_events(place: Surroundings) {
    let db = place.db().await;
    let task = tokio::spawn({
        let db = db.clone();
        async move {
            db.transaction(async |tx| {
                both(tx, "a").await?;
                if tx.db().engine().as_str().is_empty() {
                    return Ok(());
                }
                panic!("this panic is wanted")
            })
            .await
        }
    });
    assert!(task.await.expect_err("it panics").is_panic());
    clean(&db).await;
    holds(&db, &[]).await;
}

async fn an_empty_transaction_is_nothing(place: Surroundings) {
    let db = place.db().await;
    for _ in 0..3 {
        db.transaction(async |_| Ok(())).await.expect("it commits");
    }
    holds(&db, &[]).await;
    clean(&db).await;
}

async fn a_repository_cannot_outlive_its_transaction(place: Surroundings) {
    let db = place.db().await;
    let ended = "this transaction has ended";

    let kept = db.transaction(async |tx| Ok(tx.repo::<Thing>())).await.expect("it commits");
    is_usage(kept.create(thing("a")).await, ended);
    is_usage(kept.query().all().await, ended);

    let leaked = Arc::new(Mutex::new(None));
    let failed = db.transaction(async |tx| {
        *leaked.lock().unwrap() = Some(tx.repo::<Thing>());
        Err::<(), _>(Error::other("changed my mind"))
    });
    failed.await.expect_err("the closure's error");
    let kept = leaked.lock().unwrap().take().expect("it was leaked");
    is_usage(kept.create(thing("a")).await, ended);

    // Dropped in the middle: the repository must not keep the transaction open.
    let mut dropped = Box::pin(db.transaction(async |tx| {
        tx.repo::<Thing>().create(thing("a")).await?;
        *leaked.lock().unwrap() = Some(tx.repo::<Thing>());
        std::future::pending::<Result<()>>().await
    }));
    tokio::select! {
        _ = &mut dropped => unreachable!("it is pending"),
        () = eventually(SOON, async || leaked.lock().unwrap().as_ref().map(|_| ()).ok_or("not yet")) => {}
    }
    drop(dropped);
    let kept = leaked.lock().unwrap().take().expect("it was leaked");
    clean(&db).await;
    is_usage(kept.create(thing("b")).await, ended);
    holds(&db, &[]).await;
}

async fn nothing_is_seen_before_the_commit(place: Surroundings) {
    let db = place.db().await;
    let work = db.transaction(async |tx| {
        let things = tx.repo::<Thing>();
        let created = both(tx, "a").await?;
        assert_eq!(things.get(created.id).await?.name, "a", "it sees its own rows");
        assert_eq!(things.query().count().await?, 1);
        Err::<(), _>(Error::other("changed my mind"))
    });
    work.await.expect_err("the closure's error");
    holds(&db, &[]).await;
}

async fn others_see_nothing_before_the_commit(place: Surroundings) {
    let (db, other) = (place.db().await, place.db().await);
    let work = db.transaction(async |tx| {
        both(tx, "a").await?;
        holds(&other, &[]).await;
        Ok(())
    });
    work.await.expect("it commits");
    holds(&other, &["a"]).await;
}
