// mistakes: 7
use shared::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(subject = "patient.changed")]
struct Changed {
    patient_id: Uuid,
}

impl From<&Patient> for Changed {
    fn from(patient: &Patient) -> Self {
        Self { patient_id: patient.id }
    }
}

#[derive(Entity)]
#[entity(
    table = "patients",
    emits(update = Changed),
    emits(created = "Changed"),
    emits(updated(Changed, if = Patient::moved)),
    emits(updated = Changed, updated = Changed),
    emits(restored = Changed),
    emits(),
    emits = Changed
)]
struct Patient {
    #[entity(id)]
    id: Uuid,
}

fn main() {}
