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
    #[entity(references(Patient, on_delete = set_null))]
    patient_id: Uuid,
}

fn main() {}
