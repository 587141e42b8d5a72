//! Transactions that wait for each other.

use std::time::Duration;

use shared::db::DbOptions;
use shared::prelude::*;

use crate::surroundings::{Database, Surroundings, Thing, cases, clean, events, named, names, thing};

cases! {
    everywhere: [
        many_at_once_all_commit,
        whoever_waits_too_long_is_told_that_it_is_busy,
    ],
    lasting: [many_handles_all_commit],
}

const MANY: usize = 30;

async fn commit_one(db: Db, number: usize) {
    let name = format!("{number:02}");
    let work = db.transaction(async |tx| {
        tx.repo::<Thing>().create(thing(&name)).await?;
        tx.publish(named(&name)).await
    });
    work.await.expect("it commits");
}

async fn all_are_there(db: &Db) {
    let expected: Vec<String> = (0..MANY).map(|number| format!("{number:02}")).collect();
    assert_eq!(names(db).await, expected);
    let mut events = events(db).await;
    events.sort();
    assert_eq!(events, expected);
}

async fn many_at_once_all_commit(place: Surroundings) {
    let db = place.db().await;
    let tasks: Vec<_> = (0..MANY).map(|number| tokio::spawn(commit_one(db.clone(), number))).collect();
    for task in tasks {
        task.await.expect("it commits");
    }
    all_are_there(&db).await;
    clean(&db).await;
}

async fn many_handles_all_commit(place: Surroundings) {
    let mut tasks = Vec::new();
    for number in 0..MANY {
        let db = place.db().await;
        tasks.push(tokio::spawn(commit_one(db, number)));
    }
    for task in tasks {
        task.await.expect("it commits");
    }
    all_are_there(&place.db().await).await;
}

async fn whoever_waits_too_long_is_told_that_it_is_busy(place: Surroundings) {
    let options = DbOptions::new(&place.url).max_connections(1).acquire_timeout(Duration::from_secs(3));
    let db = place.connect(options).await;
    let work = db.transaction(async |_tx| {
        let waited = db.transaction(async |_tx| Ok(())).await;
        assert!(matches!(waited, Err(Error::Busy { .. })), "{waited:?}");
        let waited = db.repo::<Thing>().create(thing("a")).await;
        assert!(matches!(waited, Err(Error::Busy { .. })), "{waited:?}");
        if place.database == Database::File {
            // Readers have connections of their own.
            assert!(names(&db).await.is_empty());
        }
        Ok(())
    });
    work.await.expect("it commits");
    clean(&db).await;
    db.repo::<Thing>().create(thing("a")).await.expect("it is free now");
}
