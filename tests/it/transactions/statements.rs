//! Statements of one transaction among each other.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::surroundings::{Moment, Surroundings, Thing, cases, clean, dropped_after, holds, is_usage, named, thing};

cases! {
    everywhere: [
        two_at_once_are_refused,
        a_cancelled_statement_breaks_the_transaction,
    ],
    lasting: [],
}

async fn two_at_once_are_refused(place: Surroundings) {
    let db = place.db().await;
    let work = db.transaction(async |tx| {
        let things = tx.repo::<Thing>();
        things.create(thing("a")).await?;
        loop {
            let mut first = pin!(things.query().all());
            if poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_ready())).await {
                // It was that fast; the next one may not be.
                continue;
            }
            is_usage(things.create(thing("b")).await, "two statements at once in one transaction");
            assert_eq!(first.await?.len(), 1);
            break;
        }
        // What was refused never ran, so nothing is lost.
        things.create(thing("c")).await?;
        tx.publish(named("a")).await?;
        tx.publish(named("c")).await
    });
    work.await.expect("it commits");
    holds(&db, &["a", "c"]).await;
    clean(&db).await;
}

async fn a_cancelled_statement_breaks_the_transaction(place: Surroundings) {
    let db = place.db().await;
    let work = db.transaction(async |tx| {
        let things = tx.repo::<Thing>();
        things.create(thing("a")).await?;
        // Some may be done at their first step; then the next one is cancelled.
        while dropped_after(1, Moment::Waiting, things.query().all()).await.is_some() {}
        is_usage(things.create(thing("c")).await, "cancelled half-way");
        Ok(())
    });
    is_usage(work.await, "cancelled half-way");
    clean(&db).await;
    holds(&db, &[]).await;
}
