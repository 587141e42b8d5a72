//! Inserting or updating.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use shared::entity::{Entity as _, Upserted};
use shared::error::ErrorKind;
use shared::{Context, Db, Entity, EntityEnum, Error, Event, entities};
use uuid::Uuid;

use crate::engines::on_every_engine;

on_every_engine!(
    what_is_not_there_is_inserted_what_is_there_is_updated,
    a_given_id_is_a_key,
    of_many_at_once_one_inserts,
    many_rows_are_upserted,
    a_deleted_row_is_in_nobodys_way,
    a_partial_key_is_a_key,
    another_key_is_still_unique,
    no_value_equals_no_other,
    an_upsert_emits_what_it_did,
    in_a_transaction_too_all_or_none_are_upserted,
    what_is_not_in_a_partial_key_is_inserted,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EntityEnum)]
pub enum State {
    Active,
    Left,
}

/// A made id, a version, all times and actors, and a soft delete.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "practitioners", unique(npi), unique(desk, where(state = State::Active)))]
pub struct Practitioner {
    #[entity(id)]
    pub id: Uuid,
    pub npi: Option<String>,
    pub desk: Option<i64>,
    pub state: State,
    #[validate(length(min = 1))]
    pub name: String,
    #[entity(version)]
    pub version: i64,
    #[entity(created_at)]
    pub created_at: DateTime<Utc>,
    #[entity(created_by)]
    pub created_by: Option<String>,
    #[entity(updated_at)]
    pub updated_at: DateTime<Utc>,
    #[entity(updated_by)]
    pub updated_by: Option<String>,
    #[entity(deleted_at)]
    pub deleted_at: Option<DateTime<Utc>>,
}

/// Neither a version nor a made id: a row does not say whether it was inserted.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "rooms", emits(created = RoomOpened, updated(RoomRenamed, when = renamed)))]
pub struct Room {
    #[entity(id, given)]
    pub code: String,
    pub name: String,
}

fn renamed(before: &Room, after: &Room) -> bool {
    before.name != after.name
}

/// Of the desks that are in use, each has a number of its own. It emits, so it is known what a row was before.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "desks", unique(number, where(state = State::Active)), emits(created = DeskSet, updated = DeskMoved))]
pub struct Desk {
    #[entity(id)]
    pub id: Uuid,
    pub number: i64,
    pub state: State,
}

/// Nothing but its key.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "tags")]
pub struct Tag {
    #[entity(id, given)]
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "room.opened", key = code)]
pub struct RoomOpened {
    pub code: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "room.renamed", key = code)]
pub struct RoomRenamed {
    pub code: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "desk.set", key = number)]
pub struct DeskSet {
    pub number: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "desk.moved", key = number)]
pub struct DeskMoved {
    pub number: i64,
}

impl From<&Desk> for DeskSet {
    fn from(desk: &Desk) -> Self {
        Self { number: desk.number }
    }
}

impl From<&Desk> for DeskMoved {
    fn from(desk: &Desk) -> Self {
        Self { number: desk.number }
    }
}

impl From<&Room> for RoomOpened {
    fn from(room: &Room) -> Self {
        Self { code: room.code.clone() }
    }
}

impl From<&Room> for RoomRenamed {
    fn from(room: &Room) -> Self {
        Self { code: room.code.clone() }
    }
}

async fn tables(db: &Db) {
    db.create_tables(&entities![Practitioner, Room, Desk, Tag]).await.unwrap();
}

fn practitioner(npi: &str, name: &str) -> NewPractitioner {
    NewPractitioner { npi: Some(npi.into()), desk: None, state: State::Active, name: name.into() }
}

async fn what_is_not_there_is_inserted_what_is_there_is_updated(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Practitioner>();
    let by = |actor: &str| Context::new().actor(actor);
    let first = by("a").scope(repo.upsert(practitioner("1", "Grey"), Practitioner::UNIQUE_NPI)).await.unwrap();
    assert!(first.is_inserted());
    let first = first.into_inner();
    assert_eq!((first.version, first.created_by.as_deref(), first.updated_by.as_deref()), (1, Some("a"), Some("a")));

    let second = by("b").scope(repo.upsert(practitioner("1", "Shepherd"), Practitioner::UNIQUE_NPI)).await.unwrap();
    let Upserted::Updated(second) = second else { panic!("{second:?}") };
    let expected = Practitioner {
        name: "Shepherd".into(),
        version: 2,
        updated_at: second.updated_at,
        updated_by: Some("b".into()),
        ..first.clone()
    };
    assert_eq!(second, expected);
    assert!(second.updated_at >= first.updated_at);
    assert_eq!(repo.get(first.id).await.unwrap(), second);
    let found = repo.find_by(Practitioner::by_npi("1".to_owned())).await.unwrap();
    assert_eq!(found, Some(second));
    let invalid = repo.upsert(practitioner("1", ""), Practitioner::UNIQUE_NPI).await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::Invalid);
}

async fn a_given_id_is_a_key(db: Db) {
    tables(&db).await;
    let tags = db.repo::<Tag>();
    for inserted in [true, false] {
        let upserted = tags.upsert(NewTag { text: "x".into() }, Tag::UNIQUE_TEXT).await.unwrap();
        assert_eq!(upserted.is_inserted(), inserted);
    }
    let upserted = tags.upsert_many(vec![NewTag { text: "x".into() }, NewTag { text: "y".into() }], Tag::UNIQUE_TEXT);
    let upserted = upserted.await.unwrap();
    assert_eq!(upserted.iter().filter(|row| row.is_inserted()).count(), 1);
    assert_eq!(tags.count().await.unwrap(), 2);
}

async fn of_many_at_once_one_inserts(db: Db) {
    tables(&db).await;
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..8 {
        let db = db.clone();
        racers.spawn(async move {
            let person = db.repo::<Practitioner>().upsert(practitioner("1", "Grey"), Practitioner::UNIQUE_NPI).await;
            let room = NewRoom { code: "a".into(), name: format!("{racer}") };
            let room = db.repo::<Room>().upsert(room, Room::UNIQUE_CODE).await;
            (person.unwrap().is_inserted(), room.unwrap().is_inserted())
        });
    }
    let inserted = racers.join_all().await;
    assert_eq!(inserted.iter().filter(|(person, _)| *person).count(), 1);
    assert_eq!(inserted.iter().filter(|(_, room)| *room).count(), 1);
    let all = db.repo::<Practitioner>().query().all().await.unwrap();
    assert_eq!(all.iter().map(|row| row.version).collect::<Vec<_>>(), [8]);
    let events: Vec<_> = db.outbox().entries().try_collect().await.unwrap();
    assert_eq!(events.len(), 8, "one opened it, the others renamed it");
}

async fn many_rows_are_upserted(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Practitioner>();
    let rows = |from: i64, name: &str| (from..from + 2_000).map(|n| practitioner(&n.to_string(), name)).collect();
    let first = repo.upsert_many(rows(0, "a"), Practitioner::UNIQUE_NPI).await.unwrap();
    assert!(first.len() == 2_000 && first.iter().all(Upserted::is_inserted));
    let second = repo.upsert_many(rows(1_500, "b"), Practitioner::UNIQUE_NPI).await.unwrap();
    assert_eq!(second.iter().filter(|row| row.is_inserted()).count(), 1_500);
    assert_eq!(repo.count().await.unwrap(), 3_500);
    assert_eq!(repo.query().filter(Practitioner::NAME.eq("b")).count().await.unwrap(), 2_000);
    assert_eq!(repo.upsert_many(Vec::new(), Practitioner::UNIQUE_NPI).await.unwrap(), []);

    let twice = vec![practitioner("x", "c"), practitioner("y", "c"), practitioner("x", "d")];
    let error = repo.upsert_many(twice, Practitioner::UNIQUE_NPI).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("`npi`"), "{error}");
    assert_eq!(repo.count().await.unwrap(), 3_500, "all or none");
}

async fn a_deleted_row_is_in_nobodys_way(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Practitioner>();
    let first = repo.create(practitioner("1", "Grey")).await.unwrap();
    repo.delete(&first).await.unwrap();
    let second = repo.upsert(practitioner("1", "Grey"), Practitioner::UNIQUE_NPI).await.unwrap();
    assert!(second.is_inserted());
    assert_eq!(repo.with_deleted().count().await.unwrap(), 2);
}

/// Of those who are there, each has a desk of their own.
async fn a_partial_key_is_a_key(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Practitioner>();
    let at = |npi: &str, state| NewPractitioner { desk: Some(7), state, ..practitioner(npi, "x") };
    repo.create(at("1", State::Left)).await.unwrap();
    repo.create(at("2", State::Left)).await.unwrap();
    let third = repo.create(at("3", State::Active)).await.unwrap();
    let error = repo.create(at("4", State::Active)).await.unwrap_err();
    assert!(matches!(&error, Error::Unique { fields, .. } if fields == &["desk"]), "{error:?}");
    assert_eq!(repo.find_by(Practitioner::by_desk(7)).await.unwrap().map(|row| row.id), Some(third.id));
    let moved = repo.upsert(at("5", State::Active), Practitioner::UNIQUE_DESK).await.unwrap();
    assert_eq!(moved.into_inner().id, third.id);
    let left = repo.upsert(at("6", State::Left), Practitioner::UNIQUE_DESK).await.unwrap();
    assert!(left.is_inserted());
}

async fn another_key_is_still_unique(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Practitioner>();
    let new = |npi: &str, desk| NewPractitioner { desk: Some(desk), ..practitioner(npi, "x") };
    repo.create_many(vec![new("1", 1), new("2", 2)]).await.unwrap();
    let error = repo.upsert(new("2", 1), Practitioner::UNIQUE_NPI).await.unwrap_err();
    assert!(matches!(&error, Error::Unique { fields, .. } if fields == &["desk"]), "{error:?}");
}

async fn no_value_equals_no_other(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Practitioner>();
    for _ in 0..2 {
        let new = NewPractitioner { npi: None, ..practitioner("", "x") };
        assert!(repo.upsert(new, Practitioner::UNIQUE_NPI).await.unwrap().is_inserted());
    }
    assert_eq!(repo.count().await.unwrap(), 2);
}

async fn an_upsert_emits_what_it_did(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Room>();
    let room = |name: &str| NewRoom { code: "a".into(), name: name.into() };
    for name in ["x", "x", "y"] {
        repo.upsert(room(name), Room::UNIQUE_CODE).await.unwrap();
    }
    let rooms = vec![room("z"), NewRoom { code: "b".into(), name: "z".into() }];
    repo.upsert_many(rooms, Room::UNIQUE_CODE).await.unwrap();
    let events: Vec<_> = db.outbox().entries().try_collect().await.unwrap();
    let subjects: Vec<_> = events.iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects, ["room.opened", "room.renamed", "room.renamed", "room.opened"]);
    assert_eq!(repo.get("a".into()).await.unwrap().id(), "a");
}

/// Whatever the owner of the transaction makes of the error.
async fn in_a_transaction_too_all_or_none_are_upserted(db: Db) {
    tables(&db).await;
    db.repo::<Tag>().create(NewTag { text: "x".into() }).await.unwrap();
    let rooms = |codes: [&str; 3]| {
        codes.into_iter().map(|code| NewRoom { code: code.into(), name: "r".into() }).collect::<Vec<_>>()
    };
    let swallowed = db.transaction(async |tx| {
        let error = tx.repo::<Room>().upsert_many(rooms(["a", "b", "a"]), Room::UNIQUE_CODE).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        Ok(())
    });
    assert_eq!(swallowed.await.unwrap_err().kind(), ErrorKind::Usage);
    let swallowed = db.transaction(async |tx| {
        let people = vec![practitioner("1", "c"), practitioner("2", "c"), practitioner("1", "d")];
        let error = tx.repo::<Practitioner>().upsert_many(people, Practitioner::UNIQUE_NPI).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        Ok(())
    });
    assert_eq!(swallowed.await.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(db.repo::<Room>().count().await.unwrap(), 0);
    assert_eq!(db.repo::<Practitioner>().count().await.unwrap(), 0);
    let in_savepoint = db.transaction(async |tx| {
        let inner = tx.transaction(async |tx| {
            tx.repo::<Room>().upsert_many(rooms(["a", "b", "a"]), Room::UNIQUE_CODE).await.map(|_| ())
        });
        assert!(inner.await.is_err());
        tx.repo::<Room>().create(rooms(["c", "d", "e"]).remove(0)).await.map(|_| ())
    });
    in_savepoint.await.unwrap();
    assert_eq!(db.repo::<Room>().count().await.unwrap(), 1);
}

/// A row with the same number is in nobody's way.
async fn what_is_not_in_a_partial_key_is_inserted(db: Db) {
    tables(&db).await;
    let repo = db.repo::<Desk>();
    let desk = |state| NewDesk { number: 7, state };
    let used = repo.upsert(desk(State::Active), Desk::UNIQUE_NUMBER).await.unwrap();
    let left = repo.upsert(desk(State::Left), Desk::UNIQUE_NUMBER).await.unwrap();
    assert!(used.is_inserted() && left.is_inserted(), "{left:?}");
    let upserted = repo.upsert_many(vec![desk(State::Left), desk(State::Active)], Desk::UNIQUE_NUMBER).await.unwrap();
    assert_eq!(upserted.iter().filter(|row| row.is_inserted()).count(), 1);
    let events: Vec<_> = db.outbox().entries().try_collect().await.unwrap();
    let subjects: Vec<_> = events.iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects, ["desk.set", "desk.set", "desk.set", "desk.moved"]);
}
