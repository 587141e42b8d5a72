use shared::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(subject = "patient.registered")]
struct PatientRegistered {
    patient_id: Uuid,
}

#[derive(Entity)]
#[entity(table = "patients", emits(created = PatientRegistered))]
struct Patient {
    #[entity(id)]
    id: Uuid,
}

async fn register(db: &shared::Db) -> shared::Result<Patient> {
    db.repo::<Patient>().create(NewPatient {}).await
}

fn main() {}
