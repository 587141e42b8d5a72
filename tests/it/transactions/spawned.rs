//! Transactions in tasks and in HTTP handlers: that this compiles is half of the test.

use std::collections::HashMap;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::post;
use shared::prelude::*;
use tower::ServiceExt as _;

use crate::surroundings::{Surroundings, Thing, cases, holds, named, thing};

cases! {
    everywhere: [
        a_transaction_runs_in_a_task,
        a_transaction_runs_in_an_http_handler,
    ],
    lasting: [],
}

async fn name_all(db: &Db, names: &[String], seen: &HashMap<String, u32>) -> Result<Vec<Thing>> {
    db.transaction(async |tx| {
        let mut things = Vec::new();
        for name in names {
            let created = tx
                .transaction(async |tx| {
                    let created = tx.repo::<Thing>().create(thing(name)).await?;
                    tx.publish(named(name)).await?;
                    Ok(created)
                })
                .await?;
            if !seen.contains_key(name) {
                things.push(created);
            }
        }
        Ok(things)
    })
    .await
}

async fn a_transaction_runs_in_a_task(place: Surroundings) {
    let db = place.db().await;
    let task = tokio::spawn({
        let db = db.clone();
        async move {
            let (names, seen) = (["a".to_owned(), "b".to_owned()], HashMap::new());
            let things = name_all(&db, &names, &seen).await?;
            let borrowed = String::from("c");
            db.transaction(async |tx| {
                tx.repo::<Thing>().create(thing(&borrowed)).await?;
                tx.publish(named(&borrowed)).await
            })
            .await?;
            Ok::<_, Error>(things.len())
        }
    });
    assert_eq!(task.await.expect("it ends").expect("it commits"), 2);
    holds(&db, &["a", "b", "c"]).await;
}

async fn create(State(db): State<Db>, Path(name): Path<String>) -> Result<String> {
    let created = db
        .transaction(async |tx| {
            let created = tx.repo::<Thing>().create(thing(&name)).await?;
            tx.publish(named(&created.name)).await?;
            Ok(created)
        })
        .await?;
    Ok(created.id.to_string())
}

async fn a_transaction_runs_in_an_http_handler(place: Surroundings) {
    let db = place.db().await;
    let app: Router = Router::new().route("/things/{name}", post(create)).with_state(db.clone());
    for status in [StatusCode::OK, StatusCode::CONFLICT] {
        let request = Request::post("/things/a").body(Body::empty()).expect("a request");
        let response = app.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), status);
    }
    holds(&db, &["a"]).await;
}
