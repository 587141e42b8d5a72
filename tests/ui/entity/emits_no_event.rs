use shared::prelude::*;

struct PatientRegistered {
    patient_id: Uuid,
}

impl From<&Patient> for PatientRegistered {
    fn from(patient: &Patient) -> Self {
        Self { patient_id: patient.id }
    }
}

#[derive(Entity)]
#[entity(table = "patients", emits(created = PatientRegistered))]
struct Patient {
    #[entity(id)]
    id: Uuid,
}

fn main() {}
