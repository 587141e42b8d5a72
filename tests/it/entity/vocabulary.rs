//! The entities that the tests are about.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use shared::entity::Json;
use shared::event::subject::Token;
use shared::{Db, Entity, EntityEnum, EntityValue, Phi};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EntityValue)]
pub struct PatientId(pub Uuid);

#[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
pub enum Status {
    Booked,
    CheckedIn,
    Cancelled,
    #[entity(rename = "it's over")]
    Over,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: PatientId,
    #[entity(unique)]
    pub mrn: Phi<String>,
    pub name: Phi<String>,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "appointments", unique(doctor_id, starts_at), index(patient_id, starts_at))]
pub struct Appointment {
    #[entity(id)]
    pub id: Uuid,
    #[entity(references(Patient))]
    pub patient_id: PatientId,
    pub doctor_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 5, max = 480))]
    pub duration_minutes: i32,
    pub status: Status,
    #[validate(length(max = 20))]
    pub notes: Option<Phi<String>>,
    #[entity(version)]
    pub version: i64,
    #[entity(created_at)]
    pub created_at: DateTime<Utc>,
    #[entity(updated_at)]
    pub updated_at: DateTime<Utc>,
    #[entity(deleted_at)]
    pub deleted_at: Option<DateTime<Utc>>,
    #[entity(skip)]
    pub cached: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Address {
    pub street: String,
    pub codes: BTreeMap<String, i64>,
}

/// A column of every type, and of its nullable form. Its names are SQL's keywords.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "order")]
pub struct Everything {
    #[entity(id, given, rename = "group")]
    pub id: i64,
    pub uuid: Uuid,
    pub r#where: DateTime<Utc>,
    pub date: NaiveDate,
    pub time: NaiveTime,
    pub select: i16,
    pub from: i32,
    pub bigint: i64,
    pub boolean: bool,
    pub double: f64,
    pub decimal: Decimal,
    pub text: String,
    pub bytes: Vec<u8>,
    pub json: Json<Address>,
    pub status: Status,
    pub typed: PatientId,
    pub token: Token,
    pub phi: Phi<String>,
    pub some_uuid: Option<Uuid>,
    pub some_instant: Option<DateTime<Utc>>,
    pub some_date: Option<NaiveDate>,
    pub some_time: Option<NaiveTime>,
    pub some_small: Option<i16>,
    pub some_integer: Option<i32>,
    pub some_bigint: Option<i64>,
    pub some_boolean: Option<bool>,
    pub some_double: Option<f64>,
    pub some_decimal: Option<Decimal>,
    pub some_text: Option<String>,
    pub some_bytes: Option<Vec<u8>>,
    pub some_json: Option<Json<Address>>,
    pub some_status: Option<Status>,
    pub some_typed: Option<PatientId>,
    pub some_token: Option<Token>,
    pub some_phi: Option<Phi<NaiveDate>>,
}

/// No version, no times, a text for an id, and a reference to itself.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "wards")]
pub struct Ward {
    #[entity(id, given)]
    #[validate(length(min = 1))]
    pub code: String,
    #[entity(references(Ward), index)]
    pub part_of: Option<String>,
    #[entity(rename = "bed_count")]
    pub beds: i32,
}

/// A rule about two fields at once, and one about one of them.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "shifts")]
#[validate(custom = ends_after_it_starts)]
pub struct Shift {
    #[entity(id)]
    pub id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    #[validate(one_of("day", "night"))]
    pub kind: String,
    #[entity(version)]
    pub version: i64,
    #[entity(skip)]
    pub cached: u8,
}

fn ends_after_it_starts(shift: &Shift) -> Result<(), &'static str> {
    if shift.starts_at < shift.ends_at { Ok(()) } else { Err("something that ends after it starts") }
}

pub fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
}

pub fn address() -> Json<Address> {
    let codes = [("a".to_owned(), 1), ("z".to_owned(), i64::MIN)].into();
    Json(Address { street: "1 \"Main\" Street \\u0000".into(), codes })
}

pub async fn patient(db: &Db) -> PatientId {
    let mrn = shared::id::new().to_string();
    let new = NewPatient { mrn: mrn.into(), name: "Ada Lovelace".into() };
    db.repo::<Patient>().create(new).await.unwrap().id
}

pub fn booking(patient_id: PatientId, minute: i64) -> NewAppointment {
    NewAppointment {
        patient_id,
        doctor_id: Uuid::from_u128(7),
        starts_at: at("2026-11-23T08:00:00Z") + TimeDelta::minutes(minute),
        duration_minutes: 30,
        status: Status::Booked,
        notes: None,
    }
}

pub fn everything(id: i64) -> NewEverything {
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
        decimal: Decimal::new(-12_345, 3),
        text: "Grüße, 🩺\n".into(),
        bytes: vec![0, 255, 10],
        json: address(),
        status: Status::Over,
        typed: PatientId(Uuid::nil()),
        token: Token::parse("OR-2b").unwrap(),
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
        some_decimal: None,
        some_text: None,
        some_bytes: None,
        some_json: None,
        some_status: None,
        some_typed: None,
        some_token: None,
        some_phi: None,
    }
}
