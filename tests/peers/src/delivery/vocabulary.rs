//! What happens, and what is stored of it.

use shared::event::Outgoing;
use shared::event::{Publish as _, Shape};
use shared::prelude::*;

/// Patients whose events come in turn: each is an ordering key.
pub const PATIENTS: usize = 1_000;

/// Somebody's pulse and blood pressure were measured.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "vitals.measured", key = patient_id)]
pub struct VitalsMeasured {
    pub measurement_id: Uuid,
    pub patient_id: Uuid,
    pub number: u32,
    pub pulse: i32,
    pub systolic: i32,
    pub diastolic: i32,
    pub measured_at: DateTime<Utc>,
    pub device: String,
}

impl VitalsMeasured {
    pub fn number(n: usize) -> Self {
        Self {
            measurement_id: id::new(),
            patient_id: patient(n),
            number: n as u32,
            pulse: 60 + (n % 40) as i32,
            systolic: 120,
            diastolic: 80,
            measured_at: time::now(),
            device: "monitor 7, ward 3, east wing".to_owned(),
        }
    }

    /// As `shared` sends it.
    pub fn sealed(&self) -> Outgoing {
        let draft = self.draft().expect("it is valid");
        draft.seal(&Context::new(), "ward", Shape::Binary, 1_000_000).expect("it is not too large")
    }
}

pub fn patient(n: usize) -> Uuid {
    Uuid::from_u128(1 << 100 | (n % PATIENTS) as u128)
}

/// One row for each event.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "measurements")]
pub struct Measurement {
    #[entity(id)]
    pub id: Uuid,
    pub patient_id: Uuid,
    pub number: i32,
    pub pulse: i32,
    pub systolic: i32,
    pub diastolic: i32,
    pub measured_at: DateTime<Utc>,
}

impl From<&VitalsMeasured> for NewMeasurement {
    fn from(event: &VitalsMeasured) -> Self {
        let VitalsMeasured { patient_id, number, pulse, systolic, diastolic, measured_at, .. } = *event;
        Self { patient_id, number: number as i32, pulse, systolic, diastolic, measured_at }
    }
}

/// The same columns, with an event of its own.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "told_measurements", emits(created = VitalsMeasured))]
pub struct ToldMeasurement {
    #[entity(id)]
    pub id: Uuid,
    pub patient_id: Uuid,
    pub number: i32,
    pub pulse: i32,
    pub systolic: i32,
    pub diastolic: i32,
    pub measured_at: DateTime<Utc>,
}

impl From<&VitalsMeasured> for NewToldMeasurement {
    fn from(event: &VitalsMeasured) -> Self {
        let VitalsMeasured { patient_id, number, pulse, systolic, diastolic, measured_at, .. } = *event;
        Self { patient_id, number: number as i32, pulse, systolic, diastolic, measured_at }
    }
}

impl From<&ToldMeasurement> for VitalsMeasured {
    fn from(row: &ToldMeasurement) -> Self {
        let ToldMeasurement { id, patient_id, number, pulse, systolic, diastolic, measured_at } = *row;
        let device = "monitor 7, ward 3, east wing".to_owned();
        Self { measurement_id: id, patient_id, number: number as u32, pulse, systolic, diastolic, measured_at, device }
    }
}
