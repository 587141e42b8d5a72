use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.opened")]
pub struct ClinicOpened {
    pub clinic_id: Uuid,
}

#[subscribe("clinic.*.opened")]
async fn greet(_event: ClinicOpened, Captures(_size): Captures<f64>) {}

pub fn subscribers() -> usize {
    shared::subscribers![greet].len()
}

fn main() {}
