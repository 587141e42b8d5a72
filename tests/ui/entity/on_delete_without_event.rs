// mistakes: 2
use shared::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(subject = "visit.changed")]
struct VisitChanged {
    visit_id: Uuid,
}

impl From<&Visit> for VisitChanged {
    fn from(visit: &Visit) -> Self {
        Self { visit_id: visit.id }
    }
}

#[derive(Entity)]
#[entity(table = "patients")]
struct Patient {
    #[entity(id)]
    id: Uuid,
}

#[derive(Entity)]
#[entity(table = "visits", emits(deleted = VisitChanged, updated = VisitChanged))]
struct Visit {
    #[entity(id)]
    id: Uuid,
    #[entity(references(Patient, on_delete = cascade))]
    patient_id: Uuid,
    #[entity(references(Patient, on_delete = set_null))]
    referred_by: Option<Uuid>,
}

fn main() {}
