//! What is stored: ten columns, with which every peer does the same.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

pub const ROWS: usize = 100_000;
const DOCTORS: usize = 100;
pub const PAGE: usize = 50;

/// What a caller has in hand when he books.
pub struct Booking {
    pub patient_id: Uuid,
    pub doctor_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub duration_minutes: i32,
    pub notes: Option<String>,
}

impl Booking {
    /// The doctors in turn, half an hour after the other.
    pub fn number(n: usize) -> Self {
        Self {
            patient_id: Uuid::from_u128(n as u128),
            doctor_id: doctor(n),
            starts_at: midnight(0) + TimeDelta::minutes((n / DOCTORS) as i64 * 30 + 10),
            duration_minutes: 30,
            notes: Some("brings the papers of the last visit".to_owned()),
        }
    }
}

pub fn doctor(n: usize) -> Uuid {
    Uuid::from_u128(1 << 100 | (n % DOCTORS) as u128)
}

/// Of a day after the first one.
pub fn midnight(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).expect("2026-01-01 is a day") + TimeDelta::days(day)
}

/// What both engines keep: microseconds.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).expect("now is a time")
}
