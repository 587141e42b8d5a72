use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.opened")]
pub struct ClinicOpened {
    pub clinic_id: Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.moved")]
pub struct ClinicMoved {
    pub clinic_id: Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.closed")]
pub struct ClinicClosed {
    pub clinic_id: Uuid,
}

#[derive(Debug, Clone, Event)]
#[event(domain = "clinic")]
pub enum ClinicEvent {
    Opened(ClinicOpened),
    Moved(ClinicMoved),
    Closed(ClinicClosed),
}

#[derive(Debug, Clone, Event)]
#[event(domain = "clinic", subset_of = ClinicEvent)]
pub enum Open {
    Opened(ClinicOpened),
    Moved(ClinicMoved),
}

#[subscribe("clinic.*.moved")]
async fn fine(_event: Open) {}

// the author says so: what the type does not know is dropped
#[subscribe("clinic.*.*", on_unknown = "skip", name = "also-fine")]
async fn fine_too(_event: Open) {}

#[subscribe("clinic.>")]
async fn too_wide(_event: Open) {}

fn main() {}
