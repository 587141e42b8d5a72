use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.opened", type = "clinic.opened")]
pub struct ClinicOpened {
    pub clinic_id: Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{number}.opened", type = "clinic.reopened")]
pub struct ClinicReopened {
    pub number: u32,
}

#[derive(Debug, Clone, Event)]
#[event(domain = "clinic")]
pub enum ClinicEvent {
    Opened(ClinicOpened),
    Reopened(ClinicReopened),
}

fn main() {}
