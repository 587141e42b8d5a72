//! Futures dropped at any await: a transaction is there as a whole or not at all, and its connection is clean.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::prelude::*;
use tests::eventually;

use crate::surroundings::{
    Moment, SOON, Surroundings, Thing, cases, clean, dropped_after, events, named, names, thing,
};

cases! {
    everywhere: [
        a_transaction_dropped_at_any_step_is_whole_or_nothing,
        a_transaction_dropped_while_it_waits_for_a_connection_leaves_none,
        a_statement_dropped_at_any_step_leaves_a_clean_connection,
    ],
    lasting: [],
}

/// Both moments at each number of steps, until the future comes to its end.
const MOST: usize = 200;

async fn a_transaction_dropped_at_any_step_is_whole_or_nothing(place: Surroundings) {
    let db = place.db().await;
    let mut ended = 0;
    for steps in 0..MOST {
        for moment in [Moment::Waiting, Moment::Woken] {
            let name = format!("{steps} {moment:?}");
            let hook = Arc::new(AtomicBool::new(false));
            let work = db.transaction(async |tx| {
                let hook = Arc::clone(&hook);
                tx.after_commit(move || hook.store(true, Ordering::Relaxed));
                tx.repo::<Thing>().create(thing(&name)).await?;
                tx.transaction(async |tx| tx.repo::<Thing>().create(thing(&format!("{name}, inner"))).await).await?;
                let inner = tx.transaction(async |tx| tx.repo::<Thing>().create(thing(&name)).await).await;
                assert!(matches!(inner, Err(Error::Unique { .. })), "{inner:?}");
                tx.publish(named(&name)).await
            });
            let output = dropped_after(steps, moment, work).await;
            // The pool has one connection, so this waits for what became of the transaction.
            clean(&db).await;
            let all = names(&db).await;
            let row = all.contains(&name);
            assert_eq!(all.contains(&format!("{name}, inner")), row, "{name}");
            assert_eq!(events(&db).await.contains(&name), row, "{name}");
            eventually(SOON, async || {
                let ran = hook.load(Ordering::Relaxed);
                if ran == row { Ok(()) } else { Err(format!("{name}: row {row}, hook {ran}")) }
            })
            .await;
            if let Some(output) = output {
                output.expect("it commits");
                assert!(row, "{name}");
                ended += 1;
            }
        }
        if ended >= 2 {
            assert!(steps >= 2, "there was something to drop");
            return;
        }
    }
    panic!("it did not come to its end in {MOST} steps");
}

async fn a_transaction_dropped_while_it_waits_for_a_connection_leaves_none(place: Surroundings) {
    let db = place.db().await;
    db.transaction(async |tx| {
        for _ in 0..5 {
            let waiting = db.transaction(async |_| Ok(()));
            assert!(dropped_after(1, Moment::Waiting, waiting).await.is_none());
        }
        tx.repo::<Thing>().create(thing("a")).await
    })
    .await
    .expect("it commits");
    clean(&db).await;
    assert_eq!(names(&db).await, ["a"]);
}

async fn a_statement_dropped_at_any_step_leaves_a_clean_connection(place: Surroundings) {
    let db = place.db().await;
    let things = db.repo::<Thing>();
    let mut ended = 0;
    for steps in 0..MOST {
        for moment in [Moment::Waiting, Moment::Woken] {
            let name = format!("{steps} {moment:?}");
            let created = dropped_after(steps, moment, things.create(thing(&name))).await;
            clean(&db).await;
            if let Some(created) = created {
                created.expect("the name is free");
                assert!(names(&db).await.contains(&name));
                ended += 1;
            }
            let many = vec![thing(&format!("{name} 1")), thing(&format!("{name} 2"))];
            let created = dropped_after(steps, moment, things.create_many(many)).await;
            clean(&db).await;
            let all = names(&db).await;
            let (one, two) = (all.contains(&format!("{name} 1")), all.contains(&format!("{name} 2")));
            assert_eq!(one, two, "{name}");
            assert!(one || created.is_none(), "{name}");
            ended += usize::from(created.is_some());
        }
        if ended >= 4 {
            return;
        }
    }
    panic!("they did not come to their end in {MOST} steps");
}
