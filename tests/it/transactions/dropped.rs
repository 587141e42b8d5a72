//! Futures dropped at any await: a transaction is there as a whole or not at all, and its connection is clean.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use shared::db::{Isolation, TxOptions};
use shared::prelude::*;
use tests::eventually;

use crate::surroundings::{
    Moment, SOON, Surroundings, Thing, ThingPatch, cases, clean, dropped_after, events, named, names, thing,
};

cases! {
    everywhere: [
        a_transaction_dropped_at_any_step_is_whole_or_nothing,
        a_transaction_dropped_while_it_waits_for_a_connection_leaves_none,
        a_statement_dropped_at_any_step_leaves_a_clean_connection,
        any_call_dropped_at_any_step_leaves_a_clean_connection,
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

type Call<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One of each kind of call. What comes of it does not matter: the one before may have been dropped or not.
fn call(number: usize, db: &Db, seen: &Thing) -> Option<Call<'static>> {
    let (db, seen) = (db.clone(), seen.clone());
    let things = db.repo::<Thing>();
    let changed = || ThingPatch::new().name("changed");
    Some(match number {
        0 => Box::pin(async move { drop(things.get(seen.id).await) }),
        1 => Box::pin(async move { drop(things.query().filter(Thing::NAME.ne("x")).all().await) }),
        2 => Box::pin(async move { drop(things.query().stream().collect::<Vec<_>>().await) }),
        3 => Box::pin(async move { drop(things.count().await) }),
        4 => Box::pin(async move { drop(things.update(&seen, changed()).await) }),
        5 => Box::pin(async move { drop(things.update_where(Thing::ID.eq(seen.id), changed()).await) }),
        6 => Box::pin(async move { drop(things.delete_where(Thing::NAME.eq("gone")).await) }),
        7 => Box::pin(async move { drop(db.ping().await) }),
        8 => Box::pin(async move {
            db.health().await;
        }),
        9 => Box::pin(async move { drop(db.check_tables(&entities![Thing]).await) }),
        10 => Box::pin(async move { drop(db.create_tables(&entities![Thing]).await) }),
        11 => Box::pin(async move { drop(db.outbox().pending().await) }),
        12 => Box::pin(async move {
            let options = TxOptions::new().isolation(Isolation::Serializable).read_only().retry(2);
            drop(db.transaction_with(options, async |tx| tx.repo::<Thing>().count().await).await);
        }),
        13 => Box::pin(async move {
            let options = TxOptions::new().isolation(Isolation::RepeatableRead).retry(2);
            drop(db.transaction_with(options, async |tx| tx.repo::<Thing>().update(&seen, changed()).await).await);
        }),
        14 => Box::pin(async move { drop(db.read_only().repo::<Thing>().query().stream().next().await) }),
        _ => return None,
    })
}

async fn any_call_dropped_at_any_step_leaves_a_clean_connection(place: Surroundings) {
    let db = place.db().await;
    let seen = db.repo::<Thing>().create(thing("seen")).await.expect("it is written");
    let mut number = 0;
    while call(number, &db, &seen).is_some() {
        let mut ended = false;
        // larger steps later: some calls take many
        let mut steps = 0;
        while !ended {
            assert!(steps < MOST, "call {number} did not come to its end");
            for moment in [Moment::Waiting, Moment::Woken] {
                let call = call(number, &db, &seen).expect("it is there");
                ended = dropped_after(steps, moment, call).await.is_some();
                clean(&db).await;
                // and one that writes, where the call before only read
                let name = ThingPatch::new().name(format!("{number} {steps} {moment:?}"));
                db.repo::<Thing>().update(&seen, name).await.expect("the connection is as it was");
            }
            steps += 1 + steps / 8;
        }
        number += 1;
    }
    assert_eq!(number, 15);
}
