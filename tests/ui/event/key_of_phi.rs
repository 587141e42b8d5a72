use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "patient.registered", key = name)]
pub struct PatientRegistered {
    pub name: Phi<String>,
}

fn main() {}
