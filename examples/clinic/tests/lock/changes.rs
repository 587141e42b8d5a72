//! Changes that break somebody: each is found, named, and answered with what to do.

use std::panic::catch_unwind;

use shared::event::Event as _;
use shared::schema::{ChangeKind, assert_released};

use crate::{clinic_lock, clinic_with, kinds, report_on, says};

/// Declares a changed `AppointmentScheduled` in a module of its own.
macro_rules! changed {
    ($name:ident: #[event($($event:tt)*)] { $($fields:tt)* }) => {
        mod $name {
            use shared::prelude::*;

            /// An appointment was booked.
            #[derive(Debug, Clone, Serialize, Deserialize, Event)]
            #[event($($event)*)]
            pub struct AppointmentScheduled {
                pub appointment_id: Uuid,
                pub patient_id: Uuid,
                $($fields)*
            }
        }
    };
}

/// The change is found, it is the only kind, its text says what to do, and nothing is recorded.
fn breaks(name: &str, declared: &'static shared::event::EventInfo, expected: ChangeKind) {
    let report = report_on(Some(declared));
    assert_eq!(kinds(&report), [expected], "{report}");
    assert!(!report.is_compatible());
    assert!(report.to_string().contains("help: "));
    says(name, &report);

    let contracts = clinic_with("appointment.scheduled", Some(declared));
    let mut lock = clinic_lock();
    assert!(lock.accept(&contracts).is_err());
    let path = lock.path().to_owned();
    assert!(catch_unwind(|| assert_released(path, contracts)).is_err(), "the test of the clinic fails");
}

changed! { removed: #[event(subject = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
} }

#[test]
fn a_removed_field() {
    breaks("removed", removed::AppointmentScheduled::INFO, ChangeKind::FieldRemoved);
}

changed! { renamed: #[event(subject = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    #[serde(rename = "minutes")]
    pub duration_minutes: i32,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
} }

#[test]
fn a_renamed_field() {
    breaks("renamed", renamed::AppointmentScheduled::INFO, ChangeKind::FieldRenamed);
}

changed! { retyped: #[event(subject = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(length(max = 10))]
    pub duration_minutes: String,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
} }

#[test]
fn a_field_of_another_type() {
    breaks("retyped", retyped::AppointmentScheduled::INFO, ChangeKind::Retyped);
}

changed! { new_required: #[event(subject = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: i32,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
    pub room: u32,
} }

#[test]
fn a_new_required_field() {
    breaks("new_required", new_required::AppointmentScheduled::INFO, ChangeKind::NewRequiredField);
}

changed! { made_required: #[event(subject = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: i32,
    #[validate(length(max = 500))]
    pub reason: Phi<String>,
} }

#[test]
fn an_optional_field_that_must_be_there() {
    breaks("made_required", made_required::AppointmentScheduled::INFO, ChangeKind::MadeRequired);
}

changed! { made_optional: #[event(subject = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: Option<i32>,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
} }

#[test]
fn a_field_that_may_be_absent_now() {
    breaks("made_optional", made_optional::AppointmentScheduled::INFO, ChangeKind::MadeOptional);
}

changed! { narrowed: #[event(subject = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 480))]
    pub duration_minutes: i32,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
} }

#[test]
fn a_narrowed_rule() {
    breaks("narrowed", narrowed::AppointmentScheduled::INFO, ChangeKind::Narrowed);
}

changed! { subject: #[event(subject = "appointment.booked", type = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: i32,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
} }

#[test]
fn another_subject() {
    breaks("subject", subject::AppointmentScheduled::INFO, ChangeKind::SubjectChanged);
}

changed! { named: #[event(subject = "appointment.scheduled", type = "appointment.booked", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: i32,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
} }

#[test]
fn another_type_name() {
    let report = report_on(Some(named::AppointmentScheduled::INFO));
    assert_eq!(kinds(&report), [ChangeKind::TypeChanged, ChangeKind::EventAdded]);
    assert!(!report.is_compatible());
    says("type", &report);
}

changed! { key: #[event(subject = "appointment.scheduled", key = practitioner_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: i32,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
} }

#[test]
fn another_key() {
    breaks("key", key::AppointmentScheduled::INFO, ChangeKind::KeyChanged);
}

changed! { unprotected: #[event(subject = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: i32,
    #[validate(length(max = 500))]
    pub reason: Option<String>,
} }

#[test]
fn a_weakened_protection() {
    breaks("unprotected", unprotected::AppointmentScheduled::INFO, ChangeKind::PhiWeakened);
}

changed! { not_converted: #[event(subject = "appointment.scheduled", key = patient_id, version = 2)] {
    pub starts_at: DateTime<Utc>,
} }

#[test]
fn a_new_version_without_a_conversion() {
    let report = report_on(Some(not_converted::AppointmentScheduled::INFO));
    assert_eq!(kinds(&report), [ChangeKind::UpcastMissing, ChangeKind::VersionAdded]);
    assert!(!report.is_compatible());
    says("not_converted", &report);
}

changed! { closed: #[event(subject = "appointment.scheduled", key = patient_id)] {
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: i32,
    #[validate(length(max = 500), pattern = "^[^<>]*$")]
    pub reason: Option<Phi<String>>,
} }

#[test]
fn a_new_rule() {
    breaks("new_rule", closed::AppointmentScheduled::INFO, ChangeKind::Narrowed);
}

#[test]
fn an_event_that_is_not_declared_any_more() {
    let report = report_on(None);
    assert_eq!(kinds(&report), [ChangeKind::EventRemoved]);
    assert!(!report.is_compatible());
    says("event_removed", &report);
}

#[test]
fn a_lower_version() {
    let raised = crate::additions::raised();
    let mut lock = clinic_lock();
    lock.accept(&clinic_with("appointment.scheduled", Some(raised))).expect("a converted version is no break");
    let report = lock.check(&clinic_with("appointment.scheduled", Some(clinic::events::AppointmentScheduled::INFO)));
    assert_eq!(kinds(&report), [ChangeKind::VersionLowered]);
    says("version_lowered", &report);
}
