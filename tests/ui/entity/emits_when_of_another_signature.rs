use shared::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(subject = "patient.moved")]
struct PatientMoved {
    patient_id: Uuid,
}

impl From<&Patient> for PatientMoved {
    fn from(patient: &Patient) -> Self {
        Self { patient_id: patient.id }
    }
}

#[derive(Entity)]
#[entity(table = "patients", emits(updated(PatientMoved, when = Patient::has_ward)))]
struct Patient {
    #[entity(id)]
    id: Uuid,
    ward: Option<String>,
}

impl Patient {
    fn has_ward(&self) -> bool {
        self.ward.is_some()
    }
}

fn main() {}
