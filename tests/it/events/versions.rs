//! Payloads of older versions become the newest one.

use serde_json::{Value, json};
use shared::error::{DecodeCode, DecodeError};
use shared::event::decode_event;
use shared::prelude::*;

/// As it was at first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic}.visit.booked")]
struct VisitBookedV1 {
    clinic: u32,
    minutes: String,
}

/// `minutes` became a number, and `clinic` is called by its full name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.visit.booked", version = 2, upcast(from = VisitBookedV1))]
struct VisitBookedV2 {
    clinic_id: u32,
    #[validate(range(max = 60))]
    minutes: u32,
}

/// Seconds instead of minutes. There never was a version 3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.visit.booked", version = 4, upcast(from = VisitBookedV2))]
struct VisitBooked {
    clinic_id: u32,
    #[validate(range(min = 300))]
    seconds: u32,
}

impl From<VisitBookedV1> for VisitBookedV2 {
    fn from(older: VisitBookedV1) -> Self {
        Self { clinic_id: older.clinic, minutes: older.minutes.parse().unwrap_or(0) }
    }
}

impl From<VisitBookedV2> for VisitBooked {
    fn from(older: VisitBookedV2) -> Self {
        Self { clinic_id: older.clinic_id, seconds: older.minutes * 60 }
    }
}

/// Version 1 can be skipped as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.visit.ended", version = 2)]
struct VisitEnded {
    clinic_id: u32,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(domain = "clinic")]
enum ClinicEvent {
    Booked(VisitBooked),
    Ended(VisitEnded),
}

fn of<E: Event>(version: Option<u32>, payload: &Value) -> Result<E> {
    decode_event(version, payload.to_string().as_bytes())
}

fn defect<T: std::fmt::Debug>(result: Result<T>) -> DecodeError {
    match result {
        Err(Error::Decode(defect)) => defect,
        other => panic!("it was expected not to be decoded: {other:?}"),
    }
}

#[test]
fn each_version_is_read_as_its_own_type_and_converted() {
    let newest = VisitBooked { clinic_id: 7, seconds: 1_800 };
    let versions = [
        (Some(1), json!({ "clinic": 7, "minutes": "30" })),
        (Some(2), json!({ "clinic_id": 7, "minutes": 30 })),
        (Some(4), json!({ "clinic_id": 7, "seconds": 1_800 })),
        (None, json!({ "clinic_id": 7, "seconds": 1_800 })),
    ];
    for (version, payload) in &versions {
        assert_eq!(of::<VisitBooked>(*version, payload).expect("it is understood"), newest, "{version:?}");
        let payload = payload.to_string();
        let of_domain = ClinicEvent::decode_as("clinic.visit.booked", *version, payload.as_bytes());
        assert_eq!(of_domain.expect("the domain understands it too"), ClinicEvent::Booked(newest.clone()));
    }
}

#[test]
fn what_is_no_link_of_the_chain_is_not_guessed_at() {
    let anything = json!({ "clinic_id": 7, "seconds": 1_800, "minutes": 30, "clinic": 7 });
    for (version, code) in [(0, DecodeCode::OlderVersion), (3, DecodeCode::OlderVersion), (5, DecodeCode::NewerVersion)]
    {
        let defect = defect(of::<VisitBooked>(Some(version), &anything));
        assert_eq!((defect.code, defect.what.as_ref(), defect.path.as_str()), (code, "clinic.visit.booked", ""));
    }
    // without a chain the current version is the only one
    assert_eq!(defect(of::<VisitEnded>(Some(1), &anything)).code, DecodeCode::OlderVersion);
    assert!(of::<VisitEnded>(Some(2), &anything).is_ok());
}

#[test]
fn a_defect_of_an_older_payload_is_named_by_its_own_fields() {
    let defect = defect(of::<VisitBooked>(Some(1), &json!({ "clinic": 7, "minutes": 30 })));
    assert_eq!(
        defect.to_string(),
        "cannot decode `clinic.visit.booked` at /minutes: a value has the wrong type or form"
    );
}

#[test]
fn only_what_it_became_is_validated() {
    // 70 minutes were too long in version 2
    let event: VisitBooked = of(Some(2), &json!({ "clinic_id": 7, "minutes": 70 })).expect("it is understood");
    event.validate().expect("and valid today");
    let event: VisitBooked = of(Some(2), &json!({ "clinic_id": 7, "minutes": 1 })).expect("it is understood");
    let violations = event.validate().expect_err("one minute is too short today");
    assert_eq!(violations.of(), "VisitBooked");
}

#[test]
fn the_chain_can_be_walked() {
    let chain: Vec<_> = std::iter::successors(Some(VisitBooked::INFO), |info| info.upcast)
        .map(|info| (info.name, info.version))
        .collect();
    assert_eq!(chain, [("VisitBooked", 4), ("VisitBookedV2", 2), ("VisitBookedV1", 1)]);
    assert!(VisitEnded::INFO.upcast.is_none());
}
