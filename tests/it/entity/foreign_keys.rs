//! Which foreign key refuses a write: named alike on every engine, also where SQLite says only that there is one.

use serde::{Deserialize, Serialize};
use shared::db::Engine;
use shared::entity::{Entity as _, Filter};
use shared::error::ErrorKind;
use shared::{Db, Entity, Event, Result, entities};
use uuid::Uuid;

use crate::engines::{execute, execute_text, on_every_empty_database};
use crate::refusals::{is, named};

on_every_empty_database!(
    what_a_new_row_refers_to_is_missing,
    of_many_rows_the_first_that_refers_to_nothing_counts,
    what_an_upsert_refers_to_is_missing,
    what_an_update_refers_to_is_missing,
    whoever_still_refers_to_a_row_is_named,
    whoever_refers_to_what_would_go_with_a_row_is_named,
    what_goes_as_well_is_in_nobodys_way,
    a_transaction_goes_on_around_a_savepoint,
    a_table_that_is_unknown_is_named_by_its_columns,
    keys_of_somebodys_own_are_named,
    a_key_that_waits_for_the_commit_is_named,
);

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "clinic.wards")]
pub struct Ward {
    #[entity(id, given)]
    pub code: String,
    #[entity(references(Ward), rename = "part_of")]
    pub house: Option<String>,
    pub mrn: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "people")]
pub struct Person {
    #[entity(id)]
    pub id: Uuid,
    #[entity(unique)]
    pub number: i64,
    /// A column that has the name by which SQLite knows the number of a row.
    pub rowid: Option<String>,
    #[entity(references(Ward, on_delete = set_null), rename = "ward_code")]
    pub ward: Option<String>,
    #[entity(references(Person, on_delete = cascade))]
    pub parent: Option<Uuid>,
}

/// It emits, so whoever refers to it is deleted by the program.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "guests", emits(created = GuestSeen, updated(GuestSeen, when = moved), deleted = GuestSeen))]
pub struct Guest {
    #[entity(id)]
    pub id: Uuid,
    #[entity(unique)]
    pub number: i64,
    #[entity(references(Ward))]
    pub ward: Option<String>,
    #[entity(references(Guest))]
    pub host: Option<Uuid>,
}

fn moved(before: &Guest, after: &Guest) -> bool {
    before.ward != after.ward
}

/// Refers to two.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "stays")]
pub struct Stay {
    #[entity(id, given)]
    pub id: i64,
    #[entity(references(Ward, on_delete = restrict))]
    pub ward: Option<String>,
    #[entity(references(Person), rename = "person_id")]
    pub person: Option<Uuid>,
    #[entity(version)]
    pub version: i64,
}

/// Goes with a stay, unless somebody has paid for it.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "meals")]
pub struct Meal {
    #[entity(id, given)]
    pub id: i64,
    #[entity(references(Stay, on_delete = cascade))]
    pub stay: i64,
    #[entity(references(Meal))]
    pub instead_of: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "payments")]
pub struct Payment {
    #[entity(id, given)]
    pub id: i64,
    #[entity(references(Meal, on_delete = restrict))]
    pub meal: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "guest.seen", key = number)]
pub struct GuestSeen {
    number: i64,
}

impl From<&Guest> for GuestSeen {
    fn from(guest: &Guest) -> Self {
        Self { number: guest.number }
    }
}

async fn tables(db: &Db) {
    db.create_tables(&entities![Ward, Person, Guest, Stay, Meal, Payment]).await.unwrap();
}

fn ward(code: &str) -> NewWard {
    NewWard { code: code.into(), house: None, mrn: None }
}

fn person(number: i64) -> NewPerson {
    NewPerson { number, rowid: None, ward: None, parent: None }
}

fn guest(number: i64) -> NewGuest {
    NewGuest { number, ward: None, host: None }
}

fn stay(id: i64) -> NewStay {
    NewStay { id, ward: None, person: None }
}

fn nowhere() -> Option<String> {
    Some("nowhere".into())
}

fn broken(entity: &str, field: &str) -> (ErrorKind, String, Vec<String>) {
    is(ErrorKind::ForeignKey, entity, &[field])
}

async fn what_a_new_row_refers_to_is_missing(db: Db) {
    tables(&db).await;
    let (wards, people, stays) = (db.repo::<Ward>(), db.repo::<Person>(), db.repo::<Stay>());
    // what a row refers to may be itself
    wards.create(NewWard { house: Some("house".into()), ..ward("house") }).await.unwrap();
    assert_eq!(named(wards.create(NewWard { house: nowhere(), ..ward("icu") }).await), broken("Ward", "house"));
    assert_eq!(named(people.create(NewPerson { ward: nowhere(), ..person(1) }).await), broken("Person", "ward"));
    let guests = db.repo::<Guest>();
    assert_eq!(named(guests.create(NewGuest { ward: nowhere(), ..guest(1) }).await), broken("Guest", "ward"));
    let of_nobody = NewPerson { ward: Some("house".into()), parent: Some(Uuid::nil()), ..person(1) };
    assert_eq!(named(people.create(of_nobody).await), broken("Person", "parent"));
    let both = NewStay { ward: nowhere(), person: Some(Uuid::nil()), ..stay(1) };
    assert_eq!(named(stays.create(both).await), broken("Stay", "ward"), "the first");
    let second = NewStay { ward: Some("house".into()), person: Some(Uuid::nil()), ..stay(1) };
    assert_eq!(named(stays.create(second).await), broken("Stay", "person"));
    // nothing is left of the search
    assert_eq!((wards.count().await.unwrap(), people.count().await.unwrap(), stays.count().await.unwrap()), (1, 0, 0));
    stays.create(NewStay { ward: Some("house".into()), ..stay(1) }).await.unwrap();
    assert_eq!(named(stays.create(NewStay { ward: nowhere(), ..stay(2) }).await), broken("Stay", "ward"));
}

async fn of_many_rows_the_first_that_refers_to_nothing_counts(db: Db) {
    tables(&db).await;
    let stays = db.repo::<Stay>();
    let without = |id| NewStay { person: Some(Uuid::nil()), ..stay(id) };
    let nowhere = |id| NewStay { ward: nowhere(), ..stay(id) };
    assert_eq!(named(stays.create_many(vec![stay(3), without(2), nowhere(1)]).await), broken("Stay", "person"));
    assert_eq!(named(stays.create_many(vec![stay(1), nowhere(3), without(2)]).await), broken("Stay", "ward"));
    // in the second of several statements
    let mut many: Vec<_> = (10..25_000).map(stay).collect();
    many[24_000] = without(24_010);
    assert_eq!(named(stays.create_many(many).await), broken("Stay", "person"));
    let lost = NewGuest { host: Some(Uuid::nil()), ..guest(2) };
    assert_eq!(named(db.repo::<Guest>().create_many(vec![guest(1), lost]).await), broken("Guest", "host"));
    assert_eq!((stays.count().await.unwrap(), db.repo::<Guest>().count().await.unwrap()), (0, 0));
}

async fn what_an_upsert_refers_to_is_missing(db: Db) {
    tables(&db).await;
    let (stays, guests) = (db.repo::<Stay>(), db.repo::<Guest>());
    let nowhere_to_stay = |id| NewStay { ward: nowhere(), ..stay(id) };
    stays.create(stay(1)).await.unwrap();
    for id in [1, 2] {
        assert_eq!(named(stays.upsert(nowhere_to_stay(id), Stay::UNIQUE_ID).await), broken("Stay", "ward"));
    }
    let many = vec![stay(1), nowhere_to_stay(2), stay(3)];
    assert_eq!(named(stays.upsert_many(many, Stay::UNIQUE_ID).await), broken("Stay", "ward"));
    guests.create(guest(1)).await.unwrap();
    for number in [1, 2] {
        let lost = || NewGuest { ward: nowhere(), ..guest(number) };
        assert_eq!(named(guests.upsert(lost(), Guest::UNIQUE_NUMBER).await), broken("Guest", "ward"));
        let many = vec![guest(7), lost()];
        assert_eq!(named(guests.upsert_many(many, Guest::UNIQUE_NUMBER).await), broken("Guest", "ward"));
        let lost = NewPerson { ward: nowhere(), ..person(number) };
        assert_eq!(named(db.repo().upsert(lost, Person::UNIQUE_NUMBER).await), broken("Person", "ward"));
    }
    assert_eq!((stays.count().await.unwrap(), guests.count().await.unwrap()), (1, 1));
    assert_eq!(stays.get(1).await.unwrap().version, 1);
}

async fn what_an_update_refers_to_is_missing(db: Db) {
    tables(&db).await;
    let (stays, guests) = (db.repo::<Stay>(), db.repo::<Guest>());
    let first = stays.create(stay(1)).await.unwrap();
    stays.create(stay(2)).await.unwrap();
    let patch = || StayPatch::new().person(Uuid::nil());
    assert_eq!(named(stays.update(&first, patch()).await), broken("Stay", "person"));
    assert_eq!(named(stays.update_where(Stay::ID.ge(2), patch()).await), broken("Stay", "person"));
    let seen = guests.create(guest(1)).await.unwrap();
    let patch = || GuestPatch::new().ward("nowhere");
    assert_eq!(named(guests.update(&seen, patch()).await), broken("Guest", "ward"));
    assert_eq!(named(guests.update_where(Filter::all_rows(), patch()).await), broken("Guest", "ward"));
    assert_eq!(guests.get(seen.id).await.unwrap(), seen);
    assert_eq!(stays.get(1).await.unwrap(), first);
}

async fn whoever_still_refers_to_a_row_is_named(db: Db) {
    tables(&db).await;
    let (wards, people, stays) = (db.repo::<Ward>(), db.repo::<Person>(), db.repo::<Stay>());
    wards.create(ward("icu")).await.unwrap();
    wards.create(NewWard { house: Some("icu".into()), ..ward("bay") }).await.unwrap();
    assert_eq!(named(wards.delete_by_id("icu".into()).await), broken("Ward", "house"));
    assert_eq!(named(wards.delete_where(Ward::CODE.eq("icu")).await), broken("Ward", "house"));
    let somebody = people.create(NewPerson { ward: Some("bay".into()), ..person(1) }).await.unwrap();
    people.create(person(2)).await.unwrap();
    stays.create(NewStay { ward: Some("bay".into()), person: Some(somebody.id), ..stay(1) }).await.unwrap();
    // at once
    assert_eq!(named(wards.delete_by_id("bay".into()).await), broken("Stay", "ward"));
    let bay = wards.get("bay".into()).await.unwrap();
    assert_eq!(named(wards.delete(&bay).await), broken("Stay", "ward"));
    assert_eq!(named(people.delete(&somebody).await), broken("Stay", "person"));
    assert_eq!(named(people.delete_by_id(somebody.id).await), broken("Stay", "person"));
    assert_eq!(named(people.delete_where(Filter::all_rows()).await), broken("Stay", "person"));
    assert_eq!(people.count().await.unwrap(), 2);
    // they emit
    let guests = db.repo::<Guest>();
    let host = guests.create(NewGuest { ward: Some("icu".into()), ..guest(1) }).await.unwrap();
    guests.create(NewGuest { host: Some(host.id), ..guest(2) }).await.unwrap();
    assert_eq!(named(guests.delete(&host).await), broken("Guest", "host"));
    assert_eq!(named(guests.delete_where(Guest::NUMBER.eq(1)).await), broken("Guest", "host"));
    stays.delete_by_id(1).await.unwrap();
    wards.delete_by_id("bay".into()).await.unwrap();
    assert_eq!(people.get(somebody.id).await.unwrap().ward, None);
}

async fn whoever_refers_to_what_would_go_with_a_row_is_named(db: Db) {
    tables(&db).await;
    let (people, stays, meals) = (db.repo::<Person>(), db.repo::<Stay>(), db.repo::<Meal>());
    stays.create_many(vec![stay(1), stay(2)]).await.unwrap();
    meals.create_many((1..=3).map(|id| NewMeal { id, stay: 1, instead_of: None }).collect()).await.unwrap();
    let kept = meals.create(NewMeal { id: 4, stay: 2, instead_of: Some(2) }).await.unwrap();
    assert_eq!(named(stays.delete_by_id(1).await), broken("Meal", "instead_of"));
    meals.delete(&kept).await.unwrap();
    db.repo::<Payment>().create(NewPayment { id: 1, meal: 3 }).await.unwrap();
    assert_eq!(named(stays.delete_where(Stay::ID.le(2)).await), broken("Payment", "meal"));
    assert_eq!((stays.count().await.unwrap(), meals.count().await.unwrap()), (2, 3));

    // down a tree, of any depth
    let mut last = people.create(person(0)).await.unwrap();
    let root = last.id;
    for number in 1..6 {
        last = people.create(NewPerson { parent: Some(last.id), ..person(number) }).await.unwrap();
    }
    stays.create(NewStay { person: Some(last.id), ..stay(3) }).await.unwrap();
    assert_eq!(named(people.delete_by_id(root).await), broken("Stay", "person"));
    stays.delete_by_id(3).await.unwrap();
    people.delete_by_id(root).await.unwrap();
    assert_eq!(people.count().await.unwrap(), 0);
}

async fn what_goes_as_well_is_in_nobodys_way(db: Db) {
    tables(&db).await;
    let wards = db.repo::<Ward>();
    wards.create(ward("a")).await.unwrap();
    for (code, house) in [("b", "a"), ("c", "b"), ("d", "c")] {
        wards.create(NewWard { house: Some(house.into()), ..ward(code) }).await.unwrap();
    }
    // "b" goes as well, "d" does not
    assert_eq!(named(wards.delete_where(Ward::CODE.le("c")).await), broken("Ward", "house"));
    assert_eq!(wards.delete_where(Filter::all_rows()).await.unwrap(), 4);
}

async fn a_transaction_goes_on_around_a_savepoint(db: Db) {
    tables(&db).await;
    let done = db
        .transaction(async |tx| {
            // what it refers to is there for nobody else yet
            tx.repo::<Ward>().create(ward("icu")).await?;
            let failed: Result<()> = tx
                .transaction(async |tx| {
                    let stays = tx.repo::<Stay>();
                    stays.create(NewStay { ward: Some("icu".into()), ..stay(1) }).await?;
                    let both = NewStay { ward: Some("icu".into()), person: Some(Uuid::nil()), ..stay(2) };
                    let refused = stays.create(both).await;
                    assert_eq!(stays.count().await.unwrap_err().kind(), ErrorKind::Usage, "it can only be rolled back");
                    refused.map(|_| ())
                })
                .await;
            assert_eq!(named(failed), broken("Stay", "person"));
            let failed = tx.transaction(async |tx| tx.repo::<Stay>().create(stay(3)).await).await?;
            assert_eq!(tx.repo::<Stay>().count().await?, 1);
            Ok(failed)
        })
        .await
        .unwrap();
    assert_eq!(db.repo::<Stay>().query().all().await.unwrap(), [done]);
    let failed = db
        .transaction(async |tx| {
            tx.repo::<Stay>().create(NewStay { ward: Some("icu".into()), ..stay(4) }).await?;
            tx.repo::<Ward>().delete_by_id("icu".into()).await
        })
        .await;
    assert_eq!(named(failed), broken("Stay", "ward"), "by a row that nobody else sees");
    // keys are checked at once again, as before the search
    assert_eq!(named(db.repo::<Stay>().create(NewStay { ward: nowhere(), ..stay(5) }).await), broken("Stay", "ward"));
    assert_eq!(db.repo::<Stay>().count().await.unwrap(), 1);
}

async fn a_table_that_is_unknown_is_named_by_its_columns(db: Db) {
    let sql = entities![Ward, Person, Stay].map(|entity| entity.ddl(db.engine())).concat();
    execute_text(&db, sql).await.unwrap();
    db.create_library_tables().await.unwrap();
    let somebody = db.repo::<Person>().create(person(1)).await.unwrap();
    db.repo::<Stay>().create(NewStay { person: Some(somebody.id), ..stay(1) }).await.unwrap();
    assert_eq!(named(db.repo::<Person>().delete(&somebody).await), broken("stays", "person_id"));
    // now that it has been heard of
    assert_eq!(db.check_tables(&entities![Stay]).await.unwrap(), []);
    assert_eq!(named(db.repo::<Person>().delete(&somebody).await), broken("Stay", "person"));
}

async fn keys_of_somebodys_own_are_named(db: Db) {
    tables(&db).await;
    let wards = if db.engine() == Engine::Postgres { "clinic.wards" } else { "\"clinic.wards\"" };
    let text = if db.engine() == Engine::Postgres { "text COLLATE \"C\"" } else { "TEXT" };
    execute_text(
        &db,
        format!(
            "CREATE UNIQUE INDEX wards_by_mrn ON {wards} (mrn);
             CREATE TABLE badges (id INTEGER PRIMARY KEY, floor INTEGER, mrn {text},
                 CONSTRAINT badges_mrn_fkey FOREIGN KEY (mrn) REFERENCES {wards} (mrn))"
        ),
    )
    .await
    .unwrap();
    let repo = db.repo::<Ward>();
    let icu = repo.create(NewWard { mrn: Some("7".into()), ..ward("icu") }).await.unwrap();
    execute(&db, "INSERT INTO badges (id, floor, mrn) VALUES (1, 1, '7')").await.unwrap();
    assert_eq!(named(repo.update(&icu, WardPatch::new().mrn("8")).await), broken("badges", "mrn"));
    assert_eq!(named(repo.delete(&icu).await), broken("badges", "mrn"));
    execute(&db, "DELETE FROM badges").await.unwrap();
    assert_eq!(repo.update(&icu, WardPatch::new().mrn("8")).await.unwrap().mrn.as_deref(), Some("8"));
}

async fn a_key_that_waits_for_the_commit_is_named(db: Db) {
    let stays = Stay::DEF.ddl(db.engine());
    let waits = "REFERENCES \"people\" (\"id\")";
    let edited = stays.replacen(waits, &format!("{waits} DEFERRABLE INITIALLY DEFERRED"), 1);
    assert_ne!(stays, edited);
    let others = entities![Ward, Person].map(|entity| entity.ddl(db.engine())).concat();
    execute_text(&db, others + &edited).await.unwrap();
    db.create_tables(&entities![Ward, Person, Stay]).await.unwrap();
    let lost = || NewStay { person: Some(Uuid::nil()), ..stay(1) };
    let missing = broken("Stay", "person");
    assert_eq!(named(db.repo::<Stay>().create(lost()).await), missing);
    let mut written = false;
    let committed = db
        .transaction(async |tx| {
            tx.repo::<Stay>().create(lost()).await?;
            written = true;
            Ok(())
        })
        .await;
    assert!(written);
    assert_eq!(named(committed), missing);
    let committed = db.transaction(async |tx| {
        let somebody = tx.repo::<Person>().create(person(1)).await?;
        let own = tx.repo::<Stay>().create(NewStay { person: Some(somebody.id), ..stay(2) }).await?;
        tx.repo::<Stay>().delete(&own).await?;
        tx.repo::<Person>().delete(&somebody).await
    });
    committed.await.unwrap();
    assert_eq!(db.repo::<Stay>().count().await.unwrap(), 0);
}

/// Somebody else's trigger writes where nobody looks: the entity is named all the same.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn what_a_trigger_breaks_has_no_fields() {
    let db = Db::connect("sqlite::memory:").await.unwrap();
    tables(&db).await;
    execute(&db, "CREATE TRIGGER pays AFTER INSERT ON stays BEGIN INSERT INTO payments (id, meal) VALUES (1, 1); END")
        .await
        .unwrap();
    let error = db.repo::<Stay>().create(stay(1)).await.unwrap_err();
    assert!(
        matches!(&error, shared::Error::ForeignKey { entity, fields } if entity == "Stay" && fields.is_empty()),
        "{error:?}"
    );
}
