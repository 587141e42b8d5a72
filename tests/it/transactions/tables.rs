//! Tables made by many at once.

use shared::prelude::*;

use crate::surroundings::{Surroundings, Thing, cases, clean, holds, named, thing};

cases! {
    everywhere: [tables_are_made_once_by_one_handle],
    lasting: [tables_are_made_once_by_ten_handles],
}

async fn use_them(db: &Db) {
    let work = db.transaction(async |tx| {
        tx.repo::<Thing>().create(thing("a")).await?;
        tx.publish(named("a")).await
    });
    work.await.expect("the tables are there");
    holds(db, &["a"]).await;
    clean(db).await;
}

async fn tables_are_made_once_by_one_handle(place: Surroundings) {
    let db = Db::connect(&place.url).await.expect("the database is there");
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.create_tables(&entities![Thing]).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends").expect("tables are made");
    }
    use_them(&db).await;
}

async fn tables_are_made_once_by_ten_handles(place: Surroundings) {
    // On SQLite the first of them also makes the file.
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let url = place.url.clone();
            tokio::spawn(async move {
                let db = Db::connect(&url).await?;
                db.create_tables(&entities![Thing]).await?;
                db.repo::<Thing>().query().count().await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("it ends").expect("tables are made"), 0);
    }
    use_them(&place.db().await).await;
}
