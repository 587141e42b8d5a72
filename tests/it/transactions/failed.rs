//! A failed statement fails its transaction, alike on all engines.

use shared::prelude::*;

use crate::surroundings::{Surroundings, Thing, cases, clean, holds, is_usage, named, thing};

cases! {
    everywhere: [
        after_a_failed_statement_nothing_runs,
        a_swallowed_error_does_not_commit,
        what_is_refused_before_it_runs_fails_nothing,
    ],
    lasting: [],
}

const EARLIER: &str = "an earlier statement of this transaction failed";

#[track_caller]
fn is_unique<T: std::fmt::Debug>(result: Result<T>) {
    match result {
        Err(Error::Unique { entity, fields }) => {
            assert_eq!((entity.as_ref(), fields), ("Thing", vec!["name".to_owned()]));
        }
        other => panic!("{other:?}"),
    }
}

async fn after_a_failed_statement_nothing_runs(place: Surroundings) {
    let db = place.db().await;
    db.repo::<Thing>().create(thing("taken")).await.expect("it is free");
    let work = db.transaction(async |tx| {
        let things = tx.repo::<Thing>();
        things.create(thing("a")).await?;
        is_unique(things.create(thing("taken")).await);
        is_usage(things.create(thing("b")).await, EARLIER);
        is_usage(things.query().all().await, EARLIER);
        is_usage(things.query().count().await, EARLIER);
        is_usage(tx.transaction(async |_| Ok(())).await, EARLIER);
        tx.publish(named("a")).await?;
        Err::<(), _>(Error::other("that is enough"))
    });
    work.await.expect_err("the closure's error");
    clean(&db).await;
    assert_eq!(crate::surroundings::names(&db).await, ["taken"]);
    assert!(crate::surroundings::events(&db).await.is_empty());
}

async fn a_swallowed_error_does_not_commit(place: Surroundings) {
    let db = place.db().await;
    // With events the refusal meets their insert, without them the commit itself.
    for publish in [true, false] {
        let work = db.transaction(async |tx| {
            let things = tx.repo::<Thing>();
            things.create(thing("a")).await?;
            is_unique(things.create(thing("a")).await);
            if publish {
                tx.publish(named("a")).await?;
            }
            Ok(())
        });
        is_usage(work.await, EARLIER);
        clean(&db).await;
        holds(&db, &[]).await;
    }
}

async fn what_is_refused_before_it_runs_fails_nothing(place: Surroundings) {
    let db = place.db().await;
    let work = db.transaction(async |tx| {
        let things = tx.repo::<Thing>();
        let missing = things.get(id::new()).await;
        assert!(matches!(missing, Err(Error::NotFound { entity: "Thing" })), "{missing:?}");
        is_usage(things.create(thing("a\0b")).await, "U+0000");
        is_usage(tx.publish_raw("thing.*", "x", &serde_json::json!({})).await, "wildcard");
        things.create(thing("a")).await?;
        tx.publish(named("a")).await
    });
    work.await.expect("it commits");
    holds(&db, &["a"]).await;
}
