//! Changes that break nobody: they are named, and recorded when asked.

use shared::event::{Event as _, EventInfo, EventSet as _};
use shared::prelude::*;
use shared::schema::ChangeKind;

use crate::{clinic_lock, clinic_with, kinds, report_on, says};

mod added {
    use shared::prelude::*;

    /// An appointment was booked.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(subject = "appointment.scheduled", key = patient_id)]
    pub struct AppointmentScheduled {
        pub appointment_id: Uuid,
        pub patient_id: Uuid,
        pub practitioner_id: Uuid,
        pub starts_at: DateTime<Utc>,
        #[validate(range(min = 1, max = 2880))]
        pub duration_minutes: i32,
        #[validate(length(max = 500))]
        pub reason: Option<Phi<String>>,
        /// Where.
        pub room: Option<Phi<String>>,
        #[serde(default)]
        pub urgent: bool,
    }
}

#[test]
fn new_fields_that_may_be_absent_and_a_wider_rule() {
    let declared = added::AppointmentScheduled::INFO;
    let report = report_on(Some(declared));
    assert_eq!(kinds(&report), [ChangeKind::FieldAdded, ChangeKind::FieldAdded, ChangeKind::Widened]);
    assert!(report.is_compatible());
    says("added", &report);

    let contracts = clinic_with("appointment.scheduled", Some(declared));
    let mut lock = clinic_lock();
    lock.accept(&contracts).expect("nobody breaks");
    assert!(lock.check(&contracts).is_empty());
    let golden = lock.golden("appointment.scheduled", 1);
    assert_eq!(golden.len(), 2, "the older form stays: events of it are still about");
    for payload in golden {
        added::AppointmentScheduled::decode(declared.event_type, payload.to_string().as_bytes()).expect("it decodes");
    }
    let report = lock.check(&clinic_with("appointment.scheduled", Some(clinic::events::AppointmentScheduled::INFO)));
    assert!(kinds(&report).contains(&ChangeKind::FieldRemoved), "what was recorded is released: {report}");
}

mod of_version_2 {
    use shared::prelude::*;

    /// An appointment was booked.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(
        subject = "appointment.scheduled",
        key = patient_id,
        version = 2,
        upcast(from = clinic::events::AppointmentScheduled)
    )]
    pub struct AppointmentScheduled {
        pub appointment_id: Uuid,
        pub patient_id: Uuid,
        pub practitioner_id: Uuid,
        pub starts_at: DateTime<Utc>,
        pub ends_at: DateTime<Utc>,
    }

    impl From<clinic::events::AppointmentScheduled> for AppointmentScheduled {
        fn from(old: clinic::events::AppointmentScheduled) -> Self {
            Self {
                appointment_id: old.appointment_id,
                patient_id: old.patient_id,
                practitioner_id: old.practitioner_id,
                starts_at: old.starts_at,
                ends_at: old.starts_at + TimeDelta::minutes(old.duration_minutes.into()),
            }
        }
    }
}

/// A second version that converts the first one.
pub(crate) fn raised() -> &'static EventInfo {
    of_version_2::AppointmentScheduled::INFO
}

#[test]
fn a_new_version_with_a_conversion() {
    let report = report_on(Some(raised()));
    assert_eq!(kinds(&report), [ChangeKind::VersionAdded]);
    assert!(report.is_compatible());
    says("version_added", &report);

    let contracts = clinic_with("appointment.scheduled", Some(raised()));
    let mut lock = clinic_lock();
    lock.accept(&contracts).expect("nobody breaks");
    assert!(lock.check(&contracts).is_empty());
    let (first, second) = (lock.golden("appointment.scheduled", 1), lock.golden("appointment.scheduled", 2));
    assert_eq!((first.len(), second.len()), (1, 1));
    let old = first[0].to_string();
    let now = of_version_2::AppointmentScheduled::decode_as("appointment.scheduled", Some(1), old.as_bytes());
    let now = now.expect("what was released decodes for ever");
    assert_eq!(now.ends_at - now.starts_at, TimeDelta::minutes(1));
}

mod newcomer {
    use shared::prelude::*;

    /// A patient moved away.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(subject = "patient.deregistered", key = patient_id)]
    pub struct PatientDeregistered {
        pub patient_id: Uuid,
    }
}

#[test]
fn a_new_event() {
    let mut contracts = clinic_with("", None);
    contracts[0].publishes.push(newcomer::PatientDeregistered::INFO);
    let report = clinic_lock().check(&contracts);
    assert_eq!(kinds(&report), [ChangeKind::EventAdded]);
    assert!(report.is_compatible());
    says("event_added", &report);
}
