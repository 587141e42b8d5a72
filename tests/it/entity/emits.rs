//! Events that writes publish by declaration.

#[cfg(feature = "postgres")]
use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use shared::entity::Filter;
use shared::error::ErrorKind;
use shared::{Db, Entity, EntityEnum, Error, Event, Result, entities};
use uuid::Uuid;

use crate::engines::on_every_engine;
use crate::refusals::{is, named};

on_every_engine!(
    what_is_done_to_a_row_is_published,
    a_condition_decides,
    an_update_that_sets_nothing_emits_nothing,
    many_rows_emit_an_event_each,
    what_is_rolled_back_is_not_published,
    a_lost_race_publishes_nothing,
    a_refused_event_keeps_the_row_from_being_written,
    a_condition_sees_the_row_as_it_was,
    rows_with_foreign_keys_emit_too,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EntityEnum)]
pub enum Status {
    Open,
    Closed,
}

/// Emits on everything.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(
    table = "visits",
    unique(number),
    emits(created = VisitPlanned, updated = VisitChanged),
    emits(
        updated(VisitClosed, when = Visit::was_closed),
        deleted = VisitRemoved,
        restored(VisitPlanned, when = Visit::is_open)
    )
)]
pub struct Visit {
    #[entity(id)]
    pub id: Uuid,
    pub number: i64,
    pub patient: String,
    pub status: Status,
    #[entity(version)]
    pub version: i64,
    #[entity(deleted_at)]
    pub deleted_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl Visit {
    fn was_closed(before: &Self, after: &Self) -> bool {
        before.status != Status::Closed && after.status == Status::Closed
    }

    fn is_open(&self) -> bool {
        self.status == Status::Open
    }
}

/// No version, and deleted for good.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "beds", emits(updated(BedFreed, when = freed), deleted = BedFreed))]
pub struct Bed {
    #[entity(id, given)]
    pub id: i64,
    pub taken: bool,
}

fn freed(before: &Bed, after: &Bed) -> bool {
    before.taken && !after.taken
}

/// Refers to another one, with which it shares the ordering key.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "notes", emits(created = NoteTaken))]
pub struct Note {
    #[entity(id)]
    pub id: Uuid,
    #[entity(references(Visit))]
    pub visit_id: Uuid,
}

macro_rules! events {
    ($($name:ident $subject:literal of $entity:ident { $($field:ident: $ty:ty),* } key $key:ident;)*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
        #[event(subject = $subject, key = $key)]
        pub struct $name { $(#[validate(length(max = 40))] $field: $ty),* }

        impl From<&$entity> for $name {
            fn from(row: &$entity) -> Self {
                Self { $($field: row.$field.to_string()),* }
            }
        }
    )*};
}
events! {
    VisitPlanned "visit.planned" of Visit { patient: String } key patient;
    VisitChanged "visit.changed" of Visit { patient: String, version: String } key patient;
    VisitClosed "visit.closed" of Visit { patient: String } key patient;
    VisitRemoved "visit.removed" of Visit { patient: String } key patient;
    BedFreed "bed.freed" of Bed { id: String } key id;
    NoteTaken "note.taken" of Note { visit_id: String } key visit_id;
}

async fn tables(db: &Db) {
    db.create_tables(&entities![Note, Visit, Bed]).await.unwrap();
}

fn visit(number: i64) -> NewVisit {
    NewVisit { number, patient: "p".into(), status: Status::Open }
}

async fn published(db: &Db) -> Vec<String> {
    let entries: Vec<_> = db.outbox().entries().try_collect().await.unwrap();
    entries.into_iter().map(|entry| entry.subject).collect()
}

async fn what_is_done_to_a_row_is_published(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Visit>();
    let created = repo.create(visit(1)).await.unwrap();
    assert_eq!(repo.get(created.id).await.unwrap(), created);
    assert_eq!(published(&db).await, ["visit.planned"]);
    let entries: Vec<_> = db.outbox().entries().try_collect().await.unwrap();
    assert_eq!(entries[0].key.as_deref(), Some("p"));

    let updated = repo.update(&created, VisitPatch::new().number(2)).await.unwrap();
    repo.delete(&updated).await.unwrap();
    repo.restore(created.id).await.unwrap();
    repo.delete_by_id(created.id).await.unwrap();
    let all = ["visit.planned", "visit.changed", "visit.removed", "visit.planned", "visit.removed"];
    assert_eq!(published(&db).await, all);
    assert_eq!(repo.count().await.unwrap(), 0);
}

async fn a_condition_decides(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Visit>();
    let created = repo.create(visit(1)).await.unwrap();
    let closed = repo.update(&created, VisitPatch::new().status(Status::Closed)).await.unwrap();
    let again = repo.update(&closed, VisitPatch::new().status(Status::Closed)).await.unwrap();
    repo.delete(&again).await.unwrap();
    repo.restore(created.id).await.unwrap();
    let all = ["visit.planned", "visit.changed", "visit.closed", "visit.changed", "visit.removed"];
    assert_eq!(published(&db).await, all);
}

async fn an_update_that_sets_nothing_emits_nothing(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Visit>();
    let created = repo.create(visit(1)).await.unwrap();
    assert_eq!(repo.update(&created, VisitPatch::new()).await.unwrap(), created);
    assert_eq!(repo.update_where(Filter::all_rows(), VisitPatch::new()).await.unwrap(), 1);
    assert_eq!(published(&db).await, ["visit.planned"]);
}

async fn many_rows_emit_an_event_each(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Visit>();
    repo.create_many((0..2_500).map(visit).collect()).await.unwrap();
    assert_eq!(published(&db).await.len(), 2_500);
    repo.update_where(Visit::NUMBER.lt(2), VisitPatch::new().status(Status::Closed)).await.unwrap();
    let changed = repo.update_where(Visit::NUMBER.lt(3), VisitPatch::new().status(Status::Closed)).await.unwrap();
    assert_eq!(changed, 3);
    assert_eq!(repo.delete_where(Visit::NUMBER.eq(0) | Visit::NUMBER.eq(9)).await.unwrap(), 2);
    let mut after = published(&db).await.split_off(2_500);
    after.sort();
    let expected = [vec!["visit.changed"; 5], vec!["visit.closed"; 3], vec!["visit.removed"; 2]].concat();
    assert_eq!(after, expected);
}

async fn what_is_rolled_back_is_not_published(db: Db) {
    tables(&db).await;
    let result: Result<()> = db
        .transaction(async |tx| {
            let repo = tx.repo::<Visit>();
            let created = repo.create(visit(1)).await?;
            repo.update(&created, VisitPatch::new().number(2)).await?;
            Err(Error::other("changed my mind"))
        })
        .await;
    result.unwrap_err();
    assert_eq!(published(&db).await, Vec::<String>::new());

    let repo = db.repo::<Visit>();
    let taken = repo.create(visit(1)).await.unwrap();
    assert_eq!(repo.create(visit(1)).await.unwrap_err().kind(), ErrorKind::Unique);
    assert_eq!(repo.create_many(vec![visit(2), visit(1)]).await.unwrap_err().kind(), ErrorKind::Unique);
    let other = repo.create(visit(3)).await.unwrap();
    assert_eq!(
        repo.update(&other, VisitPatch::new().number(taken.number)).await.unwrap_err().kind(),
        ErrorKind::Unique
    );
    assert_eq!(published(&db).await, ["visit.planned", "visit.planned"]);
}

async fn a_lost_race_publishes_nothing(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Visit>();
    let created = repo.create(visit(1)).await.unwrap();
    repo.update(&created, VisitPatch::new().number(2)).await.unwrap();
    let patch = VisitPatch::new().status(Status::Closed);
    assert_eq!(repo.update(&created, patch.clone()).await.unwrap_err().kind(), ErrorKind::Stale);
    assert_eq!(repo.delete(&created).await.unwrap_err().kind(), ErrorKind::Stale);
    // the caller's transaction goes on
    db.transaction(async |tx| {
        let repo = tx.repo::<Visit>();
        assert_eq!(repo.update(&created, patch).await.unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(repo.delete_by_id(Uuid::nil()).await.unwrap_err().kind(), ErrorKind::NotFound);
        repo.create(visit(3)).await
    })
    .await
    .unwrap();
    assert_eq!(published(&db).await, ["visit.planned", "visit.changed", "visit.planned"]);
}

/// The row could be stored, the event breaks a rule of its own.
async fn a_refused_event_keeps_the_row_from_being_written(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Visit>();
    let long = "x".repeat(41);
    let error = repo.create(NewVisit { patient: long.clone(), ..visit(1) }).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(invalid) if invalid.to_string().contains("patient")), "{error:?}");
    let error = repo.create_many(vec![visit(1), NewVisit { patient: long.clone(), ..visit(2) }]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(repo.count().await.unwrap(), 0);

    let created = repo.create(visit(1)).await.unwrap();
    let patch = VisitPatch::new().patient(long);
    assert_eq!(repo.update(&created, patch.clone()).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(repo.update_where(Filter::all_rows(), patch.clone()).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(repo.get(created.id).await.unwrap(), created);
    // also when the caller makes nothing of the error
    let swallowed = db
        .transaction(async |tx| {
            let error = tx.repo::<Visit>().update(&created, patch).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            Ok(())
        })
        .await;
    assert_eq!(swallowed.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(repo.get(created.id).await.unwrap(), created);
    assert_eq!(published(&db).await, ["visit.planned"]);
}

/// Without a version, what the caller has in hand may be old.
async fn a_condition_sees_the_row_as_it_was(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Bed>();
    let free = repo.create(NewBed { id: 1, taken: false }).await.unwrap();
    repo.update(&free, BedPatch::new().taken(true)).await.unwrap();
    assert_eq!(published(&db).await, Vec::<String>::new());
    repo.update(&free, BedPatch::new().taken(false)).await.unwrap();
    assert_eq!(published(&db).await, ["bed.freed"]);
    repo.delete(&free).await.unwrap();
    assert_eq!(published(&db).await, ["bed.freed", "bed.freed"]);
    assert_eq!(repo.delete(&free).await.unwrap_err().kind(), ErrorKind::NotFound);
    let gone = repo.update(&free, BedPatch::new().taken(true)).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(published(&db).await.len(), 2);
}

async fn rows_with_foreign_keys_emit_too(db: Db) {
    tables(&db).await;
    let visit_id = db.repo::<Visit>().create(visit(1)).await.unwrap().id;
    db.repo::<Note>().create(NewNote { visit_id }).await.unwrap();
    let missing = db.repo::<Note>().create(NewNote { visit_id: Uuid::nil() }).await;
    assert_eq!(named(missing), is(ErrorKind::ForeignKey, "Note", &["visit_id"]));
    assert_eq!(published(&db).await, ["visit.planned", "note.taken"]);
}

#[test]
fn what_entities_emit_is_in_the_contract() {
    let service = shared::Service::new("visits").entities(entities![Visit, Bed, Note]);
    let contract = service.contract();
    let published: Vec<_> = contract.publishes.iter().map(|event| event.event_type).collect();
    assert_eq!(
        published,
        ["bed.freed", "note.taken", "visit.changed", "visit.closed", "visit.planned", "visit.removed"]
    );
}

/// While a row waits for its unique key, it holds nobody up who publishes with the same ordering key, and its event's
/// number is taken after the wait.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_row_that_waits_holds_no_key() {
    let url = tests::Postgres::shared().await.database().await;
    let db = Db::connect(&url).await.unwrap();
    tables(&db).await;
    let mut other = db.postgres().unwrap().begin().await.unwrap();
    let insert =
        "INSERT INTO visits (id, number, patient, status, version) VALUES (gen_random_uuid(), 1, 'q', 'open', 1)";
    sqlx::raw_sql(insert).execute(&mut *other).await.unwrap();

    let creating = tokio::spawn({
        let db = db.clone();
        async move { db.repo::<Visit>().create(visit(1)).await }
    });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    tests::eventually(Duration::from_secs(30), async || {
        let found: i64 = sqlx::query_scalar(waiting).fetch_one(db.postgres().unwrap()).await.unwrap();
        tests::equal(found, 1)
    })
    .await;
    let closed = VisitClosed { patient: "p".into() };
    db.transaction(async |tx| tx.publish(closed).await).await.unwrap();
    other.rollback().await.unwrap();
    creating.await.unwrap().unwrap();
    assert_eq!(published(&db).await, ["visit.closed", "visit.planned"]);
    db.close().await;
}
