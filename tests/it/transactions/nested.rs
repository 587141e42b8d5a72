//! Transactions within transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shared::prelude::*;
use tokio::time::timeout;

use crate::surroundings::{Surroundings, Thing, cases, clean, holds, is_usage, named, thing};

cases! {
    everywhere: [
        a_failed_inner_one_is_undone_and_the_outer_one_goes_on,
        an_inner_one_that_swallows_an_error_is_undone,
        an_outer_failure_undoes_the_inner_one,
        they_nest_further,
        a_cancelled_inner_one_breaks_the_outer_one,
    ],
    lasting: [],
}

async fn both(tx: &mut Tx, name: &str) -> Result<()> {
    tx.repo::<Thing>().create(thing(name)).await?;
    tx.publish(named(name)).await?;
    Ok(())
}

async fn a_failed_inner_one_is_undone_and_the_outer_one_goes_on(place: Surroundings) {
    let db = place.db().await;
    let hooks = Arc::new(AtomicU32::new(0));
    let work = db.transaction(async |tx| {
        both(tx, "a").await?;
        // By its own decision, and by a statement that fails.
        for name in ["b", "a"] {
            let undone = tx.transaction(async |tx| {
                both(tx, "c").await?;
                let hooks = Arc::clone(&hooks);
                tx.after_commit(move || {
                    hooks.fetch_add(100, Ordering::Relaxed);
                });
                both(tx, name).await?;
                Err::<(), _>(Error::other("changed my mind"))
            });
            match (name, undone.await) {
                ("b", Err(Error::Other { .. })) | ("a", Err(Error::Unique { .. })) => {}
                other => panic!("{other:?}"),
            }
        }
        let hooks = Arc::clone(&hooks);
        tx.after_commit(move || {
            hooks.fetch_add(1, Ordering::Relaxed);
        });
        tx.transaction(async |tx| both(tx, "d").await).await?;
        both(tx, "e").await
    });
    work.await.expect("it commits");
    holds(&db, &["a", "d", "e"]).await;
    assert_eq!(hooks.load(Ordering::Relaxed), 1);
    clean(&db).await;
}

async fn an_inner_one_that_swallows_an_error_is_undone(place: Surroundings) {
    let db = place.db().await;
    let work = db.transaction(async |tx| {
        both(tx, "a").await?;
        let swallowed = tx.transaction(async |tx| {
            both(tx, "b").await?;
            let _swallowed = both(tx, "a").await;
            Ok(())
        });
        is_usage(swallowed.await, "an earlier statement of this transaction failed");
        both(tx, "c").await
    });
    work.await.expect("it commits");
    holds(&db, &["a", "c"]).await;
    clean(&db).await;
}

async fn an_outer_failure_undoes_the_inner_one(place: Surroundings) {
    let db = place.db().await;
    let work = db.transaction(async |tx| {
        tx.transaction(async |tx| both(tx, "a").await).await?;
        Err::<(), _>(Error::other("changed my mind"))
    });
    work.await.expect_err("the closure's error");
    holds(&db, &[]).await;
    clean(&db).await;
}

async fn they_nest_further(place: Surroundings) {
    let db = place.db().await;
    let work = db.transaction(async |tx| {
        both(tx, "a").await?;
        let undone = tx.transaction(async |tx| {
            both(tx, "b").await?;
            let inner = tx.transaction(async |tx| {
                both(tx, "c").await?;
                both(tx, "a").await
            });
            assert!(matches!(inner.await, Err(Error::Unique { .. })));
            tx.transaction(async |tx| both(tx, "d").await).await?;
            Ok(())
        });
        undone.await?;
        let undone = tx.transaction(async |tx| {
            tx.transaction(async |tx| both(tx, "e").await).await?;
            Err::<(), _>(Error::other("changed my mind"))
        });
        undone.await.expect_err("the closure's error");
        Ok(())
    });
    work.await.expect("it commits");
    holds(&db, &["a", "b", "d"]).await;
    clean(&db).await;
}

async fn a_cancelled_inner_one_breaks_the_outer_one(place: Surroundings) {
    let db = place.db().await;
    let work = db.transaction(async |tx| {
        both(tx, "a").await?;
        let inner = tx.transaction(async |tx| {
            both(tx, "b").await?;
            std::future::pending::<Result<()>>().await
        });
        // Long enough for the inner one to hang; if it is not, it is cancelled earlier.
        assert!(timeout(Duration::from_millis(200), inner).await.is_err());
        is_usage(tx.repo::<Thing>().create(thing("c")).await, "cancelled half-way");
        is_usage(tx.transaction(async |_| Ok(())).await, "cancelled half-way");
        Ok(())
    });
    is_usage(work.await, "cancelled half-way");
    clean(&db).await;
    holds(&db, &[]).await;
}
