use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.opened")]
pub struct ClinicOpened {
    pub clinic_id: Uuid,
}

#[subscribe("clinic.*.opened")]
async fn fine(_event: ClinicOpened) {}

#[subscribe("clinic.*.*")]
async fn too_wide(_event: ClinicOpened) {}

fn main() {}
