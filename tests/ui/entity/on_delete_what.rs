// mistakes: 3
use shared::prelude::*;

#[derive(Entity)]
#[entity(table = "patients")]
struct Patient {
    #[entity(id)]
    id: Uuid,
}

#[derive(Entity)]
#[entity(table = "visits")]
struct Visit {
    #[entity(id)]
    id: Uuid,
    #[entity(references(Patient, on_delete = cascad))]
    patient_id: Uuid,
    #[entity(references(Patient, on_delete = "cascade"))]
    second: Uuid,
    #[entity(references(Patient, on_update = cascade))]
    third: Uuid,
}

fn main() {}
