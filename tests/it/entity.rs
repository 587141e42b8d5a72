//! Entities and their repositories: one suite, run on a SQLite file, on SQLite in memory and on Postgres.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use shared::db::Engine;
use shared::entity::{Entity as _, Filter, Json};
use shared::error::ErrorKind;
use shared::validate::Validate as _;
use shared::{Db, Entity, EntityEnum, EntityValue, Error, Phi, Result, entities, time};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EntityValue)]
struct PatientId(Uuid);

#[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
enum Status {
    Booked,
    CheckedIn,
    Cancelled,
    #[entity(rename = "it's over")]
    Over,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "patients")]
struct Patient {
    #[entity(id)]
    id: PatientId,
    #[entity(unique)]
    mrn: Phi<String>,
    name: Phi<String>,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "appointments", unique(doctor_id, starts_at), index(patient_id, starts_at))]
struct Appointment {
    #[entity(id)]
    id: Uuid,
    #[entity(references(Patient))]
    patient_id: PatientId,
    doctor_id: Uuid,
    starts_at: DateTime<Utc>,
    #[validate(range(min = 5, max = 480))]
    duration_minutes: i32,
    status: Status,
    #[validate(length(max = 20))]
    notes: Option<Phi<String>>,
    #[entity(version)]
    version: i64,
    #[entity(created_at)]
    created_at: DateTime<Utc>,
    #[entity(updated_at)]
    updated_at: DateTime<Utc>,
    #[entity(deleted_at)]
    deleted_at: Option<DateTime<Utc>>,
    #[entity(skip)]
    cached: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Address {
    street: String,
    codes: BTreeMap<String, i64>,
}

/// A column of every type, and of its nullable form. Its names are SQL's keywords.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "order")]
struct Everything {
    #[entity(id, given, rename = "group")]
    id: i64,
    uuid: Uuid,
    r#where: DateTime<Utc>,
    date: NaiveDate,
    time: NaiveTime,
    select: i16,
    from: i32,
    bigint: i64,
    boolean: bool,
    double: f64,
    text: String,
    bytes: Vec<u8>,
    json: Json<Address>,
    status: Status,
    typed: PatientId,
    phi: Phi<String>,
    some_uuid: Option<Uuid>,
    some_instant: Option<DateTime<Utc>>,
    some_date: Option<NaiveDate>,
    some_time: Option<NaiveTime>,
    some_small: Option<i16>,
    some_integer: Option<i32>,
    some_bigint: Option<i64>,
    some_boolean: Option<bool>,
    some_double: Option<f64>,
    some_text: Option<String>,
    some_bytes: Option<Vec<u8>>,
    some_json: Option<Json<Address>>,
    some_status: Option<Status>,
    some_typed: Option<PatientId>,
    some_phi: Option<Phi<NaiveDate>>,
}

/// No version, no times, a text for an id, and a reference to itself.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "wards")]
struct Ward {
    #[entity(id, given)]
    #[validate(length(min = 1))]
    code: String,
    #[entity(references(Ward), index)]
    part_of: Option<String>,
    #[entity(rename = "bed_count")]
    beds: i32,
}

async fn tables(db: &Db) {
    // the references decide the order, not the list
    db.create_tables(&entities![Appointment, Ward, Everything, Patient]).await.unwrap();
}

/// Runs each test on every engine, each time with empty tables.
macro_rules! on_every_engine {
    ($($test:ident),* $(,)?) => {
        #[cfg(feature = "sqlite")]
        mod sqlite_file {
            $(
                #[tokio::test]
                async fn $test() {
                    let scratch = tests::Scratch::new("entity");
                    let db = shared::Db::connect(&super::file_in(&scratch)).await.unwrap();
                    super::tables(&db).await;
                    super::$test(db.clone()).await;
                    db.close().await;
                }
            )*
        }
        #[cfg(feature = "sqlite")]
        mod sqlite_memory {
            $(
                #[tokio::test]
                async fn $test() {
                    let db = shared::Db::connect("sqlite::memory:").await.unwrap();
                    super::tables(&db).await;
                    super::$test(db).await;
                }
            )*
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    let url = tests::Postgres::shared().await.database().await;
                    let db = shared::Db::connect(&url).await.unwrap();
                    super::tables(&db).await;
                    super::$test(db.clone()).await;
                    db.close().await;
                }
            )*
        }
    };
}

on_every_engine!(
    every_type_comes_back_as_it_went_in,
    extreme_values_come_back_as_they_went_in,
    what_one_engine_cannot_keep_is_refused_on_both,
    a_created_row_says_what_is_stored,
    ids_are_made_or_given,
    every_broken_rule_is_listed_before_anything_is_written,
    a_broken_unique_key_names_its_fields,
    a_missing_referenced_row_is_a_foreign_key_error,
    a_text_that_is_no_variant_breaks_the_check,
    no_error_carries_a_value,
    an_update_changes_what_the_patch_sets,
    a_lost_race_is_stale,
    a_row_that_is_gone_is_not_found,
    without_a_version_the_last_writer_wins,
    an_empty_patch_changes_nothing,
    a_deletion_checks_the_version,
    deleted_rows_are_out_of_sight_until_they_are_restored,
    a_deleted_row_frees_its_unique_key,
    many_rows_are_created_in_order,
    of_many_rows_all_or_none_are_created,
    filters_find_what_rust_would,
    text_is_searched_with_its_case,
    rows_come_in_the_asked_order,
    a_query_without_a_limit_refuses_to_cut_off,
    many_ids_are_read_in_their_order,
    rows_are_updated_and_deleted_by_filter,
    a_stream_yields_every_row,
    a_transaction_is_all_or_nothing,
    a_row_of_another_shape_is_a_decode_error,
    tables_are_created_once_by_many,
);

#[cfg(feature = "sqlite")]
fn file_in(scratch: &tests::Scratch) -> String {
    format!("sqlite://{}", scratch.join("entity.db").display())
}

/// Runs a statement of the test's own, beside the repository.
async fn execute(db: &Db, sql: &'static str) -> Result<(), sqlx::Error> {
    #[cfg(feature = "postgres")]
    if let Some(pool) = db.postgres() {
        return sqlx::raw_sql(sql).execute(pool).await.map(|_| ());
    }
    #[cfg(feature = "sqlite")]
    if let Some(pool) = db.sqlite() {
        return sqlx::raw_sql(sql).execute(pool).await.map(|_| ());
    }
    unreachable!("a `Db` is of one of the engines")
}

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
}

fn address() -> Json<Address> {
    let codes = [("a".to_owned(), 1), ("z".to_owned(), i64::MIN)].into();
    Json(Address { street: "1 \"Main\" Street \\u0000".into(), codes })
}

async fn patient(db: &Db) -> PatientId {
    let mrn = shared::id::new().to_string();
    let new = NewPatient { mrn: mrn.into(), name: "Ada Lovelace".into() };
    db.repo::<Patient>().create(new).await.unwrap().id
}

fn booking(patient_id: PatientId, minute: i64) -> NewAppointment {
    NewAppointment {
        patient_id,
        doctor_id: Uuid::from_u128(7),
        starts_at: at("2026-11-23T08:00:00Z") + TimeDelta::minutes(minute),
        duration_minutes: 30,
        status: Status::Booked,
        notes: None,
    }
}

fn everything(id: i64) -> NewEverything {
    NewEverything {
        id,
        uuid: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        r#where: at("2026-11-23T08:00:00.123456789Z"),
        date: NaiveDate::from_ymd_opt(2026, 2, 28).unwrap(),
        time: NaiveTime::from_hms_nano_opt(23, 59, 59, 999_999_999).unwrap(),
        select: -7,
        from: 70_000,
        bigint: 7_000_000_000,
        boolean: true,
        double: 0.1,
        text: "Grüße, 🩺\n".into(),
        bytes: vec![0, 255, 10],
        json: address(),
        status: Status::Over,
        typed: PatientId(Uuid::nil()),
        phi: "protected".into(),
        some_uuid: None,
        some_instant: None,
        some_date: None,
        some_time: None,
        some_small: None,
        some_integer: None,
        some_bigint: None,
        some_boolean: None,
        some_double: None,
        some_text: None,
        some_bytes: None,
        some_json: None,
        some_status: None,
        some_typed: None,
        some_phi: None,
    }
}

async fn every_type_comes_back_as_it_went_in(db: Db) {
    let repo = db.repo::<Everything>();
    let none = repo.create(everything(1)).await.unwrap();
    assert_eq!(repo.get(1).await.unwrap(), none);
    assert_eq!(none.r#where, at("2026-11-23T08:00:00.123456Z"), "finer than a microsecond is dropped");
    assert_eq!(none.time, NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap());
    assert_eq!(none.json, address());
    assert_eq!((none.text.as_str(), none.phi.expose().as_str()), ("Grüße, 🩺\n", "protected"));

    let some = NewEverything {
        some_uuid: Some(Uuid::max()),
        some_instant: Some(at("1969-12-31T23:59:59.999999999Z")),
        some_date: NaiveDate::from_ymd_opt(0, 1, 1),
        some_time: Some(NaiveTime::MIN),
        some_small: Some(0),
        some_integer: Some(0),
        some_bigint: Some(0),
        some_boolean: Some(false),
        some_double: Some(0.0),
        some_text: Some(String::new()),
        some_bytes: Some(Vec::new()),
        some_json: Some(address()),
        some_status: Some(Status::CheckedIn),
        some_typed: Some(PatientId(Uuid::max())),
        some_phi: Some(Phi::new(NaiveDate::from_ymd_opt(1912, 6, 23).unwrap())),
        ..everything(2)
    };
    let some = repo.create(some).await.unwrap();
    assert_eq!(repo.get(2).await.unwrap(), some);
    assert_eq!(some.some_instant, Some(at("1969-12-31T23:59:59.999999Z")));

    // the same through the arrays of `create_many` and through an update
    let many = repo.create_many(vec![everything(3), NewEverything { id: 4, ..as_new(&some) }]).await.unwrap();
    assert_eq!(repo.get_many(&[3, 4]).await.unwrap(), many);
    assert_eq!(Everything { id: 2, ..many[1].clone() }, some);
    let patch = EverythingPatch::new()
        .some_uuid(some.some_uuid)
        .some_instant(some.some_instant)
        .some_date(some.some_date)
        .some_time(some.some_time)
        .some_small(some.some_small)
        .some_integer(some.some_integer)
        .some_bigint(some.some_bigint)
        .some_boolean(some.some_boolean)
        .some_double(some.some_double)
        .some_text(some.some_text.clone())
        .some_bytes(some.some_bytes.clone())
        .some_json(some.some_json.clone())
        .some_status(some.some_status)
        .some_typed(some.some_typed)
        .some_phi(some.some_phi);
    let updated = repo.update(&none, patch).await.unwrap();
    assert_eq!(Everything { id: 2, ..updated.clone() }, some);
    let cleared = EverythingPatch::new().some_text(None).some_json(None).some_phi(None).some_uuid(None);
    let cleared = repo.update(&updated, cleared).await.unwrap();
    assert_eq!((cleared.some_text, cleared.some_json, cleared.some_phi, cleared.some_uuid), (None, None, None, None));
    assert_eq!(cleared.some_bytes, some.some_bytes, "what the patch does not set stays");
}

fn as_new(row: &Everything) -> NewEverything {
    let row = row.clone();
    NewEverything {
        id: row.id,
        uuid: row.uuid,
        r#where: row.r#where,
        date: row.date,
        time: row.time,
        select: row.select,
        from: row.from,
        bigint: row.bigint,
        boolean: row.boolean,
        double: row.double,
        text: row.text,
        bytes: row.bytes,
        json: row.json,
        status: row.status,
        typed: row.typed,
        phi: row.phi,
        some_uuid: row.some_uuid,
        some_instant: row.some_instant,
        some_date: row.some_date,
        some_time: row.some_time,
        some_small: row.some_small,
        some_integer: row.some_integer,
        some_bigint: row.some_bigint,
        some_boolean: row.some_boolean,
        some_double: row.some_double,
        some_text: row.some_text,
        some_bytes: row.some_bytes,
        some_json: row.some_json,
        some_status: row.some_status,
        some_typed: row.some_typed,
        some_phi: row.some_phi,
    }
}

async fn extreme_values_come_back_as_they_went_in(db: Db) {
    let repo = db.repo::<Everything>();
    let low = NewEverything {
        uuid: Uuid::nil(),
        r#where: at("0000-01-01T00:00:00Z"),
        date: NaiveDate::from_ymd_opt(0, 1, 1).unwrap(),
        time: NaiveTime::MIN,
        select: i16::MIN,
        from: i32::MIN,
        bigint: i64::MIN,
        boolean: false,
        double: f64::NEG_INFINITY,
        text: String::new(),
        bytes: Vec::new(),
        ..everything(i64::MIN)
    };
    let high = NewEverything {
        uuid: Uuid::max(),
        r#where: at("9999-12-31T23:59:59.999999Z"),
        date: NaiveDate::from_ymd_opt(9999, 12, 31).unwrap(),
        time: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap(),
        select: i16::MAX,
        from: i32::MAX,
        bigint: i64::MAX,
        double: f64::MAX,
        text: "\u{1}\u{7f}\u{80}\u{ffff}\u{10ffff}'\"\\%_".into(),
        bytes: (0..=255).collect(),
        ..everything(i64::MAX)
    };
    let tiny = NewEverything { double: f64::from_bits(1), ..everything(0) };
    let created = repo.create_many(vec![high.clone(), low.clone(), tiny.clone()]).await.unwrap();
    assert_eq!(repo.get_many(&[i64::MAX, i64::MIN, 0]).await.unwrap(), created);
    assert_eq!(as_new(&created[0]).text, high.text);
    for column in [Everything::WHERE.asc(), Everything::DATE.asc(), Everything::BIGINT.asc(), Everything::DOUBLE.asc()]
    {
        let rows = repo.query().filter(Everything::ID.ne(0)).order_by(column).all().await.unwrap();
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        assert_eq!(ids, [i64::MIN, i64::MAX], "{column:?}");
    }
    // one by one, through another kind of statement than many
    execute(&db, "DELETE FROM \"order\"").await.unwrap();
    for (new, created) in [(high, &created[0]), (low, &created[1]), (tiny, &created[2])] {
        assert_eq!(repo.create(new).await.unwrap(), *created);
        assert_eq!(repo.get(created.id).await.unwrap(), *created);
    }
}

async fn what_one_engine_cannot_keep_is_refused_on_both(db: Db) {
    let repo = db.repo::<Everything>();
    let nul = Json(Address { street: "sentinel\0".into(), codes: BTreeMap::new() });
    let leap = NaiveTime::from_hms_milli_opt(23, 59, 59, 1_500).unwrap();
    for (refused, expected) in [
        (NewEverything { text: "sentinel\0".into(), ..everything(1) }, "U+0000"),
        (NewEverything { phi: "sentinel\0".into(), ..everything(1) }, "U+0000"),
        (NewEverything { json: nul, ..everything(1) }, "U+0000"),
        (NewEverything { double: f64::NAN, ..everything(1) }, "NaN"),
        (NewEverything { some_double: Some(f64::NAN), ..everything(1) }, "NaN"),
        (NewEverything { r#where: DateTime::<Utc>::MAX_UTC, ..everything(1) }, "9999"),
        (NewEverything { some_date: Some(NaiveDate::MIN), ..everything(1) }, "9999"),
        (NewEverything { time: leap, ..everything(1) }, "leap second"),
    ] {
        for error in [
            repo.create(refused.clone()).await.unwrap_err(),
            repo.create_many(vec![everything(2), refused.clone()]).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!format!("{error:?}").contains("sentinel"), "{error:?}");
        }
    }
    let filter = Everything::TEXT.eq("sentinel\0");
    let error = repo.query().filter(filter).all().await.unwrap_err();
    assert!(error.to_string().contains("U+0000"), "{error}");
    assert_eq!(repo.count().await.unwrap(), 0, "nothing was written");
}

async fn a_created_row_says_what_is_stored(db: Db) {
    let repo = db.repo::<Appointment>();
    let before = time::now();
    let new = NewAppointment { notes: Some("fasting".into()), ..booking(patient(&db).await, 0) };
    let created = repo.create(new).await.unwrap();
    let after = time::now();
    assert_eq!(created.version, 1);
    assert!(before <= created.created_at && created.created_at <= after);
    assert_eq!(created.updated_at, created.created_at);
    assert_eq!(created.deleted_at, None);
    assert_eq!(created.id.get_version_num(), 7);
    assert_eq!(repo.get(created.id).await.unwrap(), created);
    assert_eq!(repo.find(created.id).await.unwrap(), Some(created.clone()));
    assert!(repo.exists(created.id).await.unwrap());
    assert_eq!(repo.count().await.unwrap(), 1);
    assert_eq!(created.id(), &created.id);
}

async fn ids_are_made_or_given(db: Db) {
    let (one, two) = (patient(&db).await, patient(&db).await);
    assert!(one.0 < two.0, "made ids sort by the time they were made");
    let wards = db.repo::<Ward>();
    wards.create(NewWard { code: "ICU".into(), part_of: None, beds: 4 }).await.unwrap();
    assert_eq!(wards.get("ICU".into()).await.unwrap().beds, 4);
    let id = String::from("ICU");
    assert_eq!(wards.get(id.clone()).await.unwrap().code, id);
    let again = wards.create(NewWard { code: "ICU".into(), part_of: None, beds: 5 }).await.unwrap_err();
    assert!(matches!(&again, Error::Unique { entity, fields } if entity == "Ward" && fields == &["code"]), "{again:?}");
}

async fn every_broken_rule_is_listed_before_anything_is_written(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let bad = NewAppointment {
        duration_minutes: 481,
        notes: Some("sentinel, and far too long".into()),
        ..booking(patient_id, 0)
    };
    let paths = |error: &Error| match error {
        Error::Invalid(violations) => violations.iter().map(|violation| violation.path.clone()).collect::<Vec<_>>(),
        other => panic!("not a validation error: {other}"),
    };
    let error = repo.create(bad.clone()).await.unwrap_err();
    assert_eq!(paths(&error), ["/duration_minutes", "/notes"]);
    assert!(error.to_string().contains("5 to 480") && !error.to_string().contains("sentinel"), "{error}");
    assert_eq!(bad.validate().unwrap_err().iter().count(), 2, "a caller can ask beforehand");

    let error = repo.create_many(vec![bad.clone(), booking(patient_id, 1), bad]).await.unwrap_err();
    assert_eq!(paths(&error), ["/0/duration_minutes", "/0/notes", "/2/duration_minutes", "/2/notes"]);
    assert_eq!(repo.count().await.unwrap(), 0);

    let created = repo.create(booking(patient_id, 0)).await.unwrap();
    let patch =
        || AppointmentPatch::new().duration_minutes(4).status(Status::Cancelled).notes("sentinel, and far too long");
    for error in [
        repo.update(&created, patch()).await.unwrap_err(),
        repo.update_where(Filter::all_rows(), patch()).await.unwrap_err(),
    ] {
        assert_eq!(paths(&error), ["/duration_minutes", "/notes"]);
    }
    assert_eq!(repo.get(created.id).await.unwrap(), created);
    let cleared = repo.update(&created, AppointmentPatch::new().notes(None)).await.unwrap();
    assert_eq!(cleared.notes, None, "a rule has nothing to say about what is not there");
    // the rule of an id that is given
    let error = db.repo::<Ward>().create(NewWard { code: "".into(), part_of: None, beds: 1 }).await.unwrap_err();
    assert_eq!(paths(&error), ["/code"]);
}

async fn a_broken_unique_key_names_its_fields(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    repo.create(booking(patient_id, 0)).await.unwrap();
    let other = repo.create(booking(patient_id, 1)).await.unwrap();
    let start = booking(patient_id, 0).starts_at;
    for error in [
        repo.create(booking(patient_id, 0)).await.unwrap_err(),
        repo.create_many(vec![booking(patient_id, 2), booking(patient_id, 0)]).await.unwrap_err(),
        repo.update(&other, AppointmentPatch::new().starts_at(start)).await.unwrap_err(),
        repo.update_where(Appointment::ID.eq(other.id), AppointmentPatch::new().starts_at(start)).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::Unique { entity, fields } if entity == "Appointment" && fields == &["doctor_id", "starts_at"]),
            "{error:?}"
        );
    }
    let found = repo.find_by(Appointment::by_doctor_id_and_starts_at(Uuid::from_u128(7), start)).await.unwrap();
    assert_eq!(found.map(|found| found.starts_at), Some(start));
    assert_eq!(repo.find_by(Appointment::by_doctor_id_and_starts_at(Uuid::nil(), start)).await.unwrap(), None);
}

async fn a_missing_referenced_row_is_a_foreign_key_error(db: Db) {
    let repo = db.repo::<Appointment>();
    let error = repo.create(booking(PatientId(Uuid::nil()), 0)).await.unwrap_err();
    let Error::ForeignKey { entity, fields } = &error else { panic!("{error:?}") };
    assert_eq!(entity, "Appointment");
    if db.engine() == Engine::Postgres {
        assert_eq!(fields, &["patient_id"]);
    }
    let patient_id = patient(&db).await;
    repo.create(booking(patient_id, 0)).await.unwrap();
    let referenced = db.repo::<Patient>().delete_by_id(patient_id).await.unwrap_err();
    assert_eq!(referenced.kind(), ErrorKind::ForeignKey, "{referenced:?}");

    let wards = db.repo::<Ward>();
    wards.create(NewWard { code: "house".into(), part_of: None, beds: 0 }).await.unwrap();
    wards.create(NewWard { code: "icu".into(), part_of: Some("house".into()), beds: 4 }).await.unwrap();
    let orphan =
        wards.create(NewWard { code: "er".into(), part_of: Some("nowhere".into()), beds: 4 }).await.unwrap_err();
    assert_eq!(orphan.kind(), ErrorKind::ForeignKey, "{orphan:?}");
}

async fn a_text_that_is_no_variant_breaks_the_check(db: Db) {
    let patient_id = patient(&db).await;
    let created = db.repo::<Appointment>().create(booking(patient_id, 0)).await.unwrap();
    assert_eq!(Status::Over.as_str(), "it's over");
    let over = db.repo::<Appointment>().update(&created, AppointmentPatch::new().status(Status::Over)).await.unwrap();
    assert_eq!(over.status, Status::Over);
    let result = execute(&db, "UPDATE appointments SET status = 'sentinel'").await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("appointments_status_check"), "{error}");
}

async fn no_error_carries_a_value(db: Db) {
    let patients = db.repo::<Patient>();
    let secret = NewPatient { mrn: "sentinel-mrn".into(), name: "sentinel-name".into() };
    let created = patients.create(secret.clone()).await.unwrap();
    let unique = patients.create(secret.clone()).await.unwrap_err();
    assert_eq!(unique.kind(), ErrorKind::Unique);
    let wards = db.repo::<Ward>();
    let ward = NewWard { code: "sentinel-code".into(), part_of: Some("sentinel-house".into()), beds: 1 };
    let foreign = wards.create(ward).await.unwrap_err();
    let notes = NewAppointment { notes: Some("sentinel".repeat(9).as_str().into()), ..booking(created.id, 0) };
    let invalid = db.repo::<Appointment>().create(notes).await.unwrap_err();
    for error in [unique, foreign, invalid] {
        let text = format!("{error} {error:?} {}", error.report());
        assert!(!text.contains("sentinel"), "{text}");
    }
    let shown = format!("{secret:?} {created:?} {:?}", PatientPatch::new().name("sentinel-name"));
    assert!(!shown.contains("sentinel"), "{shown}");
    assert!(format!("{:?}", patients.query().filter(Patient::MRN.eq("sentinel"))).contains("mrn = ‹value›"));
}

async fn an_update_changes_what_the_patch_sets(db: Db) {
    let repo = db.repo::<Appointment>();
    let created =
        repo.create(NewAppointment { notes: Some("x".into()), ..booking(patient(&db).await, 0) }).await.unwrap();
    let updated = repo.update(&created, AppointmentPatch::new().status(Status::CheckedIn)).await.unwrap();
    assert!(updated.updated_at >= created.updated_at);
    let expected = Appointment { status: Status::CheckedIn, version: 2, updated_at: updated.updated_at, ..created };
    assert_eq!(updated, expected);
    assert_eq!(repo.get(updated.id).await.unwrap(), updated);
}

async fn a_lost_race_is_stale(db: Db) {
    let repo = db.repo::<Appointment>();
    let created = repo.create(booking(patient(&db).await, 0)).await.unwrap();
    repo.update(&created, AppointmentPatch::new().status(Status::CheckedIn)).await.unwrap();
    for patch in [AppointmentPatch::new().status(Status::Cancelled), AppointmentPatch::new()] {
        let error = repo.update(&created, patch).await.unwrap_err();
        assert!(matches!(error, Error::Stale { entity: "Appointment" }), "{error:?}");
    }
    let error = repo.delete(&created).await.unwrap_err();
    assert!(matches!(error, Error::Stale { entity: "Appointment" }), "{error:?}");
    assert_eq!(repo.get(created.id).await.unwrap().status, Status::CheckedIn);

    // of many at once exactly one wins
    let current = repo.get(created.id).await.unwrap();
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (repo, current) = (repo.clone(), current.clone());
        racers.spawn(async move { repo.update(&current, AppointmentPatch::new().duration_minutes(10)).await });
    }
    let results = racers.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|error| error.kind() == ErrorKind::Stale));
}

async fn a_row_that_is_gone_is_not_found(db: Db) {
    let repo = db.repo::<Appointment>();
    let created = repo.create(booking(patient(&db).await, 0)).await.unwrap();
    repo.delete_by_id(created.id).await.unwrap();
    for error in [
        repo.get(created.id).await.unwrap_err(),
        repo.update(&created, AppointmentPatch::new().status(Status::Cancelled)).await.unwrap_err(),
        repo.delete(&created).await.unwrap_err(),
        repo.delete_by_id(created.id).await.unwrap_err(),
        repo.restore(Uuid::nil()).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotFound { entity: "Appointment" }), "{error:?}");
    }
    assert_eq!(repo.find(created.id).await.unwrap(), None);
    assert!(!repo.exists(created.id).await.unwrap());
    let error = db.repo::<Ward>().restore("icu".into()).await.unwrap_err();
    assert!(error.to_string().contains("deleted_at"), "{error}");
}

async fn without_a_version_the_last_writer_wins(db: Db) {
    let repo = db.repo::<Ward>();
    let created = repo.create(NewWard { code: "icu".into(), part_of: None, beds: 4 }).await.unwrap();
    repo.update(&created, WardPatch::new().beds(5)).await.unwrap();
    let updated = repo.update(&created, WardPatch::new().part_of("icu")).await.unwrap();
    assert_eq!(updated, Ward { code: "icu".into(), part_of: Some("icu".into()), beds: 5 });
    repo.delete(&created).await.unwrap();
    assert!(matches!(repo.update(&created, WardPatch::new().beds(6)).await, Err(Error::NotFound { .. })));
}

async fn an_empty_patch_changes_nothing(db: Db) {
    let repo = db.repo::<Appointment>();
    let created = repo.create(booking(patient(&db).await, 0)).await.unwrap();
    assert_eq!(repo.update(&created, AppointmentPatch::new()).await.unwrap(), created);
    assert_eq!(repo.update_where(Filter::all_rows(), AppointmentPatch::new()).await.unwrap(), 1);
    assert_eq!(repo.get(created.id).await.unwrap(), created);
}

async fn a_deletion_checks_the_version(db: Db) {
    let repo = db.repo::<Appointment>();
    let created = repo.create(booking(patient(&db).await, 0)).await.unwrap();
    let updated = repo.update(&created, AppointmentPatch::new().status(Status::Cancelled)).await.unwrap();
    assert_eq!(repo.delete(&created).await.unwrap_err().kind(), ErrorKind::Stale);
    repo.delete(&updated).await.unwrap();
    assert_eq!(repo.count().await.unwrap(), 0);
}

async fn deleted_rows_are_out_of_sight_until_they_are_restored(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let created = repo.create(booking(patient_id, 0)).await.unwrap();
    let kept = repo.create(booking(patient_id, 1)).await.unwrap();
    repo.delete(&created).await.unwrap();
    assert_eq!(repo.find(created.id).await.unwrap(), None);
    assert_eq!(repo.count().await.unwrap(), 1);
    assert_eq!(repo.get_many(&[created.id, kept.id]).await.unwrap(), std::slice::from_ref(&kept));
    assert_eq!(repo.query().all().await.unwrap(), [kept]);
    let changed = repo.update_where(Filter::all_rows(), AppointmentPatch::new().duration_minutes(5)).await.unwrap();
    assert_eq!(changed, 1, "a deleted row is not updated");

    let all = repo.clone().with_deleted();
    assert_eq!(all.count().await.unwrap(), 2);
    assert!(all.exists(created.id).await.unwrap());
    let deleted = all.get(created.id).await.unwrap();
    assert_eq!(deleted.version, 2);
    assert_eq!(deleted.deleted_at, Some(deleted.updated_at));
    assert_eq!(repo.query().with_deleted().filter(Appointment::DELETED_AT.is_not_null()).count().await.unwrap(), 1);
    let noted = all.update(&deleted, AppointmentPatch::new().notes("by mistake")).await.unwrap();
    assert_eq!(repo.find(created.id).await.unwrap(), None, "an update does not restore it");

    let restored = repo.restore(created.id).await.unwrap();
    assert_eq!(restored.version, 4);
    assert_eq!((restored.deleted_at, restored.notes.clone()), (None, noted.notes));
    assert_eq!(repo.get(created.id).await.unwrap(), restored);
    assert_eq!(repo.restore(created.id).await.unwrap_err().kind(), ErrorKind::NotFound);

    assert_eq!(repo.delete_where(Appointment::PATIENT_ID.eq(patient_id)).await.unwrap(), 2);
    assert_eq!(repo.delete_where(Appointment::PATIENT_ID.eq(patient_id)).await.unwrap(), 0);
    assert_eq!(all.count().await.unwrap(), 2);
}

async fn a_deleted_row_frees_its_unique_key(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let first = repo.create(booking(patient_id, 0)).await.unwrap();
    repo.delete(&first).await.unwrap();
    repo.create(booking(patient_id, 0)).await.unwrap();
    let taken = repo.restore(first.id).await.unwrap_err();
    assert!(
        matches!(&taken, Error::Unique { entity, fields } if entity == "Appointment" && fields == &["doctor_id", "starts_at"]),
        "{taken:?}"
    );
}

async fn many_rows_are_created_in_order(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let new: Vec<NewAppointment> = (0..3_000).map(|minute| booking(patient_id, minute)).collect();
    let created = repo.create_many(new).await.unwrap();
    assert_eq!(created.len(), 3_000);
    assert!(created.windows(2).all(|pair| pair[0].id < pair[1].id && pair[0].starts_at < pair[1].starts_at));
    let stored = repo.query().order_by(Appointment::STARTS_AT.asc()).unlimited().all().await.unwrap();
    assert_eq!(stored, created);
    assert_eq!(repo.create_many(Vec::new()).await.unwrap(), []);
}

async fn of_many_rows_all_or_none_are_created(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    // the last one clashes with the first, which on SQLite is in another statement
    let mut new: Vec<NewAppointment> = (0..2_500).map(|minute| booking(patient_id, minute)).collect();
    new.push(booking(patient_id, 0));
    let error = repo.create_many(new).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique, "{error:?}");
    assert_eq!(repo.count().await.unwrap(), 0);
}

/// Rows in which the nullable columns are sometimes NULL, and what Rust finds in them.
async fn filters_find_what_rust_would(db: Db) {
    let repo = db.repo::<Everything>();
    let rows: Vec<NewEverything> = (0..20_i32)
        .map(|i| NewEverything {
            from: i % 5,
            some_integer: (i % 4 != 0).then_some(i % 3),
            some_text: (i % 6 != 0).then(|| format!("t{}", i % 4)),
            status: [Status::Booked, Status::Cancelled, Status::Over][i as usize % 3],
            ..everything(i.into())
        })
        .collect();
    let rows = repo.create_many(rows).await.unwrap();
    type Case = (Filter<Everything>, fn(&Everything) -> bool);
    let cases: Vec<Case> = vec![
        (Everything::FROM.eq(2), |row| row.from == 2),
        (Everything::FROM.ne(2), |row| row.from != 2),
        (Everything::FROM.lt(2), |row| row.from < 2),
        (Everything::FROM.le(2), |row| row.from <= 2),
        (Everything::FROM.gt(2), |row| row.from > 2),
        (Everything::FROM.ge(2), |row| row.from >= 2),
        (Everything::FROM.in_([1, 4, 9]), |row| [1, 4, 9].contains(&row.from)),
        (Everything::FROM.in_(Vec::<i32>::new()), |_| false),
        (Everything::STATUS.eq(Status::Over), |row| row.status == Status::Over),
        (Everything::STATUS.in_([Status::Over, Status::Booked]), |row| row.status != Status::Cancelled),
        (Everything::SOME_INTEGER.eq(1), |row| row.some_integer == Some(1)),
        (Everything::SOME_INTEGER.ne(1), |row| row.some_integer != Some(1)),
        (Everything::SOME_INTEGER.eq(None), |row| row.some_integer.is_none()),
        (Everything::SOME_INTEGER.ne(None), |row| row.some_integer.is_some()),
        (Everything::SOME_INTEGER.lt(2), |row| row.some_integer.is_some_and(|value| value < 2)),
        (Everything::SOME_INTEGER.lt(None), |_| false),
        (Everything::SOME_INTEGER.is_null(), |row| row.some_integer.is_none()),
        (Everything::SOME_INTEGER.is_not_null(), |row| row.some_integer.is_some()),
        (Everything::SOME_INTEGER.in_([Some(0), Some(2)]), |row| matches!(row.some_integer, Some(0 | 2))),
        (Everything::SOME_INTEGER.in_([Some(0), None]), |row| matches!(row.some_integer, Some(0))),
        (Everything::SOME_TEXT.starts_with("t"), |row| row.some_text.is_some()),
        (Everything::SOME_TEXT.ends_with("3"), |row| row.some_text.as_deref() == Some("t3")),
        (Everything::FROM.ge(3) & (Everything::SOME_TEXT.eq("t1") | Everything::SOME_INTEGER.is_null()), |row| {
            row.from >= 3 && (row.some_text.as_deref() == Some("t1") || row.some_integer.is_none())
        }),
        (Filter::all_rows(), |_| true),
    ];
    for (filter, expected) in cases {
        for (filter, wanted) in [(filter.clone(), true), (!filter, false)] {
            let found = repo.query().filter(filter.clone()).order_by(Everything::ID.asc()).all().await.unwrap();
            let expected: Vec<&Everything> = rows.iter().filter(|row| expected(row) == wanted).collect();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
            assert_eq!(repo.query().filter(filter.clone()).count().await.unwrap(), expected.len() as u64, "{filter:?}");
            assert_eq!(repo.query().filter(filter.clone()).exists().await.unwrap(), !expected.is_empty(), "{filter:?}");
        }
    }
}

async fn text_is_searched_with_its_case(db: Db) {
    let repo = db.repo::<Ward>();
    let codes = ["ICU", "icu", "50%", "50x", "a_b", "axb", "a\\b", "[x]", "*?", "größe"];
    let new = codes.iter().map(|code| NewWard { code: (*code).into(), part_of: None, beds: 1 }).collect();
    repo.create_many(new).await.unwrap();
    for (filter, expected) in [
        (Ward::CODE.starts_with("ic"), vec!["icu"]),
        (Ward::CODE.starts_with("50%"), vec!["50%"]),
        (Ward::CODE.contains("_"), vec!["a_b"]),
        (Ward::CODE.contains("\\"), vec!["a\\b"]),
        (Ward::CODE.contains("[x]"), vec!["[x]"]),
        (Ward::CODE.ends_with("?"), vec!["*?"]),
        (Ward::CODE.contains("ö"), vec!["größe"]),
        (Ward::CODE.like("a_b"), vec!["a\\b", "a_b", "axb"]),
        (Ward::CODE.like("a\\_b"), vec!["a_b"]),
        (Ward::CODE.like("%U"), vec!["ICU"]),
        (Ward::CODE.like("gr__e"), vec!["größe"]),
        (!Ward::CODE.like("%"), vec![]),
    ] {
        let found = repo.query().filter(filter.clone()).order_by(Ward::CODE.asc()).all().await.unwrap();
        let found: Vec<&str> = found.iter().map(|ward| ward.code.as_str()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let error = repo.query().filter(Ward::CODE.like("a\\")).all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}

async fn rows_come_in_the_asked_order(db: Db) {
    let repo = db.repo::<Ward>();
    let house = repo.create(NewWard { code: "house".into(), part_of: None, beds: 0 }).await.unwrap();
    let ward =
        |code: &str, part_of: Option<&str>, beds| NewWard { code: code.into(), part_of: part_of.map(Into::into), beds };
    let new = vec![ward("b", None, 1), ward("Z", Some("house"), 1), ward("ä", None, 2), ward("a", Some("house"), 2)];
    repo.create_many(new).await.unwrap();
    let codes = async |query: shared::entity::Query<Ward>| -> Vec<String> {
        query.all().await.unwrap().into_iter().map(|ward| ward.code).collect()
    };
    let query = repo.query();
    // texts by their bytes, on every engine and in every locale
    assert_eq!(codes(query.clone().order_by(Ward::CODE.asc())).await, ["Z", "a", "b", "house", "ä"]);
    assert_eq!(codes(query.clone().order_by(Ward::CODE.desc())).await, ["ä", "house", "b", "a", "Z"]);
    // equal rows by their id, NULL last or first
    assert_eq!(codes(query.clone().order_by(Ward::BEDS.desc())).await, ["a", "ä", "Z", "b", "house"]);
    assert_eq!(codes(query.clone().order_by(Ward::PART_OF.asc())).await, ["Z", "a", "b", "house", "ä"]);
    assert_eq!(codes(query.clone().order_by(Ward::PART_OF.desc())).await, ["b", "house", "ä", "Z", "a"]);
    let two = query.clone().order_by(Ward::BEDS.asc()).order_by(Ward::CODE.desc());
    assert_eq!(codes(two.clone()).await, ["house", "b", "Z", "ä", "a"]);
    assert_eq!(codes(two.clone().limit(2)).await, ["house", "b"]);
    assert_eq!(codes(two.clone().limit(0)).await, [""; 0]);
    assert_eq!(two.first().await.unwrap(), Some(house));
    assert_eq!(repo.query().filter(Ward::BEDS.gt(99)).first().await.unwrap(), None);
}

async fn a_query_without_a_limit_refuses_to_cut_off(db: Db) {
    let repo = db.repo::<Ward>();
    let new = (0..1_001).map(|i| NewWard { code: format!("{i:04}"), part_of: None, beds: i }).collect();
    repo.create_many(new).await.unwrap();
    let error = repo.query().all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("1000") && error.to_string().contains(".unlimited()"), "{error}");
    assert_eq!(repo.query().filter(Ward::BEDS.ne(0)).all().await.unwrap().len(), 1_000);
    assert_eq!(repo.query().limit(1_001).all().await.unwrap().len(), 1_001);
    assert_eq!(repo.query().unlimited().all().await.unwrap().len(), 1_001);
}

async fn many_ids_are_read_in_their_order(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let created = repo.create_many((0..50).map(|minute| booking(patient_id, minute)).collect()).await.unwrap();
    let mut wanted: Vec<Uuid> = created.iter().rev().map(|row| row.id).collect();
    wanted.insert(3, Uuid::nil());
    wanted.push(created[7].id);
    let found = repo.get_many(&wanted).await.unwrap();
    assert_eq!(found, created.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(repo.get_many(&[]).await.unwrap(), []);
}

async fn rows_are_updated_and_deleted_by_filter(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let created = repo.create_many((0..10).map(|minute| booking(patient_id, minute)).collect()).await.unwrap();
    let late = Appointment::STARTS_AT.ge(created[6].starts_at);
    let patch = AppointmentPatch::new().status(Status::Cancelled).notes("closed");
    assert_eq!(repo.update_where(late.clone(), patch).await.unwrap(), 4);
    let cancelled = repo.query().filter(Appointment::STATUS.eq(Status::Cancelled)).all().await.unwrap();
    assert_eq!(cancelled.len(), 4);
    assert!(cancelled.iter().all(|row| row.version == 2 && row.notes == Some("closed".into())));
    assert_eq!(repo.delete_where(late).await.unwrap(), 4);
    assert_eq!(repo.count().await.unwrap(), 6);
    assert_eq!(db.repo::<Ward>().delete_where(Filter::all_rows()).await.unwrap(), 0);
}

async fn a_stream_yields_every_row(db: Db) {
    use futures_util::TryStreamExt as _;
    let repo = db.repo::<Ward>();
    let new: Vec<NewWard> = (0..2_345).map(|i| NewWard { code: format!("{i:04}"), part_of: None, beds: i }).collect();
    repo.create_many(new).await.unwrap();
    let beds: Vec<i32> =
        repo.query().order_by(Ward::CODE.asc()).stream().map_ok(|ward| ward.beds).try_collect().await.unwrap();
    assert_eq!(beds, (0..2_345).collect::<Vec<_>>());
    let some: Vec<Ward> = repo.query().limit(3).stream().try_collect().await.unwrap();
    assert_eq!(some.len(), 3);
    // while a stream is read in a transaction, the transaction can be used
    db.transaction(async |tx| {
        let repo = tx.repo::<Ward>();
        let mut stream = repo.query().filter(Ward::BEDS.lt(10)).stream();
        while let Some(ward) = stream.try_next().await? {
            repo.update(&ward, WardPatch::new().beds(ward.beds + 10_000)).await?;
        }
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(repo.query().filter(Ward::BEDS.ge(10_000)).count().await.unwrap(), 10);
    // dropped half-way, it gives its connection back
    for _ in 0..20 {
        let mut stream = repo.query().stream();
        assert!(stream.try_next().await.unwrap().is_some());
    }
    assert_eq!(repo.count().await.unwrap(), 2_345);
}

async fn a_transaction_is_all_or_nothing(db: Db) {
    let patient_id = patient(&db).await;
    let failed: Result<()> = db
        .transaction(async |tx| {
            let repo = tx.repo::<Appointment>();
            let created = repo.create(booking(patient_id, 0)).await?;
            repo.create_many((1..1_500).map(|minute| booking(patient_id, minute)).collect()).await?;
            assert_eq!(repo.get(created.id).await?, created, "a transaction sees its own rows");
            assert_eq!(repo.count().await?, 1_500);
            Err(Error::other("changed my mind"))
        })
        .await;
    assert_eq!(failed.unwrap_err().to_string(), "changed my mind");
    let repo = db.repo::<Appointment>();
    assert_eq!(repo.count().await.unwrap(), 0);

    let kept = db
        .transaction(async |tx| {
            let kept = tx.repo::<Appointment>().create(booking(patient_id, 0)).await?;
            let nested = tx.transaction(async |tx| tx.repo::<Appointment>().create(booking(patient_id, 0)).await).await;
            assert_eq!(nested.unwrap_err().kind(), ErrorKind::Unique);
            tx.repo::<Appointment>().update(&kept, AppointmentPatch::new().status(Status::CheckedIn)).await
        })
        .await
        .unwrap();
    assert_eq!(repo.get(kept.id).await.unwrap(), kept);
    assert_eq!(repo.count().await.unwrap(), 1);
}

async fn a_row_of_another_shape_is_a_decode_error(db: Db) {
    db.repo::<Everything>().create(everything(1)).await.unwrap();
    let sql = match db.engine() {
        Engine::Postgres => "ALTER TABLE \"order\" ALTER \"text\" TYPE bytea USING 'sentinel'::bytea",
        Engine::Sqlite => {
            "CREATE TABLE other AS SELECT * FROM \"order\"; DROP TABLE \"order\"; ALTER TABLE other RENAME TO \"order\"; \
             UPDATE \"order\" SET \"text\" = x'73656e74696e656c'"
        }
    };
    execute(&db, sql).await.unwrap();
    let error = db.repo::<Everything>().get(1).await.unwrap_err();
    let Error::Decode(decode) = &error else { panic!("{error:?}") };
    assert_eq!((decode.what.as_ref(), decode.path.as_str()), ("Everything", "/text"));
    assert!(!format!("{error:?}").contains("sentinel"));
}

async fn tables_are_created_once_by_many(db: Db) {
    let patient_id = patient(&db).await;
    let mut starters = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let db = db.clone();
        starters.spawn(async move { db.create_tables(&entities![Appointment, Patient, Ward, Everything]).await });
    }
    for result in starters.join_all().await {
        result.unwrap();
    }
    assert!(db.repo::<Patient>().exists(patient_id).await.unwrap(), "existing rows stay");
}

/// Each with a pool of its own, as processes have it.
async fn many_create_the_tables_of_an_empty_database(url: &str) {
    let mut starters = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let url = url.to_owned();
        starters.spawn(async move {
            let db = Db::connect(&url).await?;
            let result = db.create_tables(&entities![Appointment, Patient, Ward, Everything]).await;
            db.close().await;
            result
        });
    }
    for result in starters.join_all().await {
        result.unwrap();
    }
    let db = Db::connect(url).await.unwrap();
    assert_eq!(db.repo::<Appointment>().count().await.unwrap(), 0);
    db.close().await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn many_create_the_tables_of_an_empty_sqlite_file() {
    let scratch = tests::Scratch::new("entity");
    many_create_the_tables_of_an_empty_database(&file_in(&scratch)).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn many_create_the_tables_of_an_empty_postgres_database() {
    let url = tests::Postgres::shared().await.database().await;
    many_create_the_tables_of_an_empty_database(&url).await;
}

#[test]
fn the_ddl_names_every_constraint() {
    let postgres = Appointment::DEF.ddl(Engine::Postgres);
    for part in [
        "CREATE TABLE IF NOT EXISTS \"appointments\"",
        "\"id\" uuid NOT NULL",
        "\"starts_at\" timestamptz NOT NULL",
        "\"status\" text COLLATE \"C\" NOT NULL",
        "\"notes\" text COLLATE \"C\",",
        "CONSTRAINT \"appointments_pkey\" PRIMARY KEY (\"id\")",
        "CONSTRAINT \"appointments_patient_id_fkey\" FOREIGN KEY (\"patient_id\") REFERENCES \"patients\" (\"id\")",
        "CONSTRAINT \"appointments_status_check\" CHECK (\"status\" IN ('booked', 'checked_in', 'cancelled', 'it''s over'))",
        "CREATE UNIQUE INDEX IF NOT EXISTS \"appointments_doctor_id_starts_at_key\" ON \"appointments\" (\"doctor_id\", \"starts_at\") WHERE \"deleted_at\" IS NULL;",
        "CREATE INDEX IF NOT EXISTS \"appointments_patient_id_starts_at_idx\" ON \"appointments\" (\"patient_id\", \"starts_at\");",
    ] {
        assert!(postgres.contains(part), "{part} is not in\n{postgres}");
    }
    let sqlite = Patient::DEF.ddl(Engine::Sqlite);
    for part in ["\"id\" BLOB NOT NULL", "CONSTRAINT \"patients_mrn_key\" UNIQUE (\"mrn\")", ") STRICT;"] {
        assert!(sqlite.contains(part), "{part} is not in\n{sqlite}");
    }
    let mrn = Patient::DEF.column("mrn").unwrap();
    assert!(mrn.shape.protected && !mrn.shape.is_nullable());
    assert_eq!(Ward::DEF.column("bed_count").unwrap().field, "beds");
}
