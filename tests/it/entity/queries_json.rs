//! Searching in JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::entity::Json;
use shared::error::ErrorKind;
use shared::{Db, Entity, entities};

use crate::engines::on_every_engine;

on_every_engine!(json_contains_what_postgres_says, what_cannot_be_compared_is_refused, typed_parts_are_found);

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "documents")]
pub struct Document {
    #[entity(id, given)]
    pub id: i32,
    pub body: Json<Value>,
    pub extra: Option<Json<BTreeMap<String, i64>>>,
}

/// Which documents contain which part: what Postgres says about `@>`, also on SQLite.
async fn json_contains_what_postgres_says(db: Db) {
    db.create_tables(&entities![Document]).await.unwrap();
    let documents = [
        json!({"a": 1, "b": {"c": ["x", "y", {"d": null}]}, "key \"quoted\".\\": true}),
        json!({"a": 1.5, "b": {}, "": ""}),
        json!(["x", 1, [2, 3], {"e": false}]),
        json!("x"),
        json!(1),
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!({"a": "1", "b": ["x"]}),
        json!({"a": i64::MAX, "grün": "🩺\n"}),
    ];
    let repo = db.repo::<Document>();
    for (id, body) in (0..).zip(&documents) {
        repo.create(NewDocument { id, body: Json(body.clone()), extra: None }).await.unwrap();
    }
    for (part, expected) in [
        (json!({}), vec![0, 1, 8, 9, 10]),
        (json!([]), vec![2, 7]),
        (json!({"a": 1}), vec![0]),
        (json!({"a": 1.0}), vec![0]),
        (json!({"a": 1.5}), vec![1]),
        (json!({"a": "1"}), vec![9]),
        (json!({"a": i64::MAX}), vec![10]),
        (json!({"a": i64::MAX - 1}), vec![]),
        (json!({"b": {}}), vec![0, 1]),
        (json!({"b": []}), vec![9]),
        (json!({"b": {"c": []}}), vec![0]),
        (json!({"b": {"c": ["y", "x", "x"]}}), vec![0]),
        (json!({"b": {"c": [{}]}}), vec![0]),
        (json!({"b": {"c": [{"d": null}]}}), vec![0]),
        (json!({"b": {"c": [{"d": 1}]}}), vec![]),
        // an array contains a single value at the top only
        (json!({"b": "x"}), vec![]),
        (json!({"b": ["x"]}), vec![9]),
        (json!("x"), vec![2, 3]),
        (json!(["x"]), vec![2]),
        (json!(1), vec![2, 4]),
        (json!(2), vec![]),
        (json!([[3]]), vec![2]),
        (json!([[3, 2], "x"]), vec![2]),
        (json!([3]), vec![]),
        (json!({"e": false}), vec![]),
        (json!([{"e": false}]), vec![2]),
        (json!([{"e": true}]), vec![]),
        (json!(null), vec![5]),
        (json!(true), vec![6]),
        (json!(false), vec![]),
        (json!({"key \"quoted\".\\": true}), vec![0]),
        (json!({"": ""}), vec![1]),
        (json!({"grün": "🩺\n"}), vec![10]),
    ] {
        let filter = Document::BODY.contains_json(&part);
        for (filter, wanted) in [(filter.clone(), true), (!filter, false)] {
            let ids: Vec<i32> = (0..11).filter(|id| expected.contains(id) == wanted).collect();
            let found = repo.query().filter(filter.clone()).order_by(Document::ID.asc()).all().await.unwrap();
            assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), ids, "{part} {filter:?}");
        }
    }
}

async fn what_cannot_be_compared_is_refused(db: Db) {
    db.create_tables(&entities![Document]).await.unwrap();
    let repo = db.repo::<Document>();
    let deep = (0..20).fold(json!(1), |part, _| json!([part]));
    for (part, says) in [
        (json!({"a": u64::MAX}), "`i64`"),
        (json!("a\0b"), "U+0000"),
        (json!({"a\0b": 1}), "U+0000"),
        (deep, "16 levels"),
        (json!(vec![0; 1_000]), "1,000 values"),
    ] {
        let error = repo.query().filter(Document::BODY.contains_json(&part)).all().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

async fn typed_parts_are_found(db: Db) {
    db.create_tables(&entities![Document]).await.unwrap();
    let repo = db.repo::<Document>();
    let extra = |pairs: &[(&str, i64)]| Some(Json(pairs.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect()));
    for (id, extra) in (0..).zip([extra(&[("a", 1), ("b", 2)]), extra(&[("a", 1)]), extra(&[]), None]) {
        repo.create(NewDocument { id, body: Json(Value::Null), extra }).await.unwrap();
    }
    let ids = async |filter| -> Vec<i32> {
        let rows = repo.query().filter(filter).order_by(Document::ID.asc()).all().await.unwrap();
        rows.into_iter().map(|row: Document| row.id).collect()
    };
    let part = BTreeMap::from([("a", 1)]);
    assert_eq!(ids(Document::EXTRA.contains_json(&part)).await, [0, 1]);
    // where there is no value, nothing is contained
    assert_eq!(ids(!Document::EXTRA.contains_json(&part)).await, [2, 3]);
    assert_eq!(ids(Document::EXTRA.contains_json(&json!({}))).await, [0, 1, 2]);
}
