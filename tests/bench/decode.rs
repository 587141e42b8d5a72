//! What it costs to decode an event of 250 bytes and to check its five rules, against serde_json alone and with garde
//! after it.

use std::hint::black_box;

use garde::Validate as _;
use shared::event::decode_event;
use shared::prelude::*;

use tests::measure::{self, Case};

/// With a rule of every kind that is common.
#[derive(Debug, Serialize, Deserialize, Event)]
#[event(subject = "visit.booked", key = patient_id)]
struct Booked {
    visit_id: Uuid,
    patient_id: Uuid,
    starts_at: DateTime<Utc>,
    #[validate(range(min = 5, max = 480))]
    duration_minutes: u32,
    #[validate(length(max = 80))]
    reason: Option<String>,
    #[validate(email)]
    contact: String,
    #[validate(pattern = "^[A-Z]{2}-[0-9]{4}$")]
    room: String,
    #[validate(range(min = 1))]
    price_cents: i64,
}

/// The same for serde_json alone.
#[derive(Debug, Deserialize)]
#[allow(dead_code)] // it is only decoded
struct Plain {
    visit_id: Uuid,
    patient_id: Uuid,
    starts_at: DateTime<Utc>,
    duration_minutes: u32,
    reason: Option<String>,
    contact: String,
    room: String,
    price_cents: i64,
}

/// Like [`Noted`], for serde_json alone.
#[derive(Debug, Deserialize)]
#[allow(dead_code)] // it is only decoded
struct PlainNoted {
    visit_id: Uuid,
    patient_id: Uuid,
    starts_at: DateTime<Utc>,
    duration_minutes: u32,
    reason: Option<serde_json::Value>,
    contact: String,
    room: String,
    price_cents: i64,
}

/// The same with garde.
#[derive(Debug, Deserialize, garde::Validate)]
#[allow(dead_code)] // it is only decoded and validated
struct Guarded {
    #[garde(skip)]
    visit_id: Uuid,
    #[garde(skip)]
    patient_id: Uuid,
    #[garde(skip)]
    starts_at: DateTime<Utc>,
    #[garde(range(min = 5, max = 480))]
    duration_minutes: u32,
    #[garde(length(chars, max = 80))]
    reason: Option<String>,
    #[garde(email)]
    contact: String,
    #[garde(pattern("^[A-Z]{2}-[0-9]{4}$"))]
    room: String,
    #[garde(range(min = 1))]
    price_cents: i64,
}

/// Like [`Booked`], but one field may be any JSON, so keys have to be looked at.
#[derive(Debug, Serialize, Deserialize, Event)]
#[event(subject = "visit.noted", key = patient_id)]
struct Noted {
    visit_id: Uuid,
    patient_id: Uuid,
    starts_at: DateTime<Utc>,
    duration_minutes: u32,
    reason: Option<serde_json::Value>,
    contact: String,
    room: String,
    price_cents: i64,
}

const PAYLOAD: &[u8] = br#"{"visit_id":"018f4e6c-7a31-7c1d-9f00-2b8d1c5e7f10","patient_id":"018f4e6c-7a31-7c1d-9f00-2b8d1c5e7f11","starts_at":"2025-01-02T03:04:05.678901Z","duration_minutes":30,"reason":"annual check","contact":"ada@example.org","room":"OG-0412","price_cents":9000}"#;

/// One way to do it, on a payload that is not known before.
fn case(name: &str, once: fn(&[u8])) -> Case {
    Case::new(name, move || {
        move |times| {
            for _ in 0..times {
                once(black_box(PAYLOAD));
            }
        }
    })
}

fn main() {
    measure::run(vec![
        case("serde_json", |payload| {
            black_box(serde_json::from_slice::<Plain>(payload).expect("it is JSON"));
        }),
        case("shared: decode", |payload| {
            black_box(decode_event::<Booked>(None, payload).expect("it is JSON"));
        }),
        case("shared: decode and validate", |payload| {
            let event = decode_event::<Booked>(None, payload).expect("it is JSON");
            event.validate().expect("it is valid");
            black_box(event);
        }),
        case("serde_json and garde", |payload| {
            let event = serde_json::from_slice::<Guarded>(payload).expect("it is JSON");
            event.validate().expect("it is valid");
            black_box(event);
        }),
        case("serde_json, a field of any JSON", |payload| {
            black_box(serde_json::from_slice::<PlainNoted>(payload).expect("it is JSON"));
        }),
        case("shared: decode, a field of any JSON", |payload| {
            black_box(decode_event::<Noted>(None, payload).expect("it is JSON"));
        }),
    ]);
}
