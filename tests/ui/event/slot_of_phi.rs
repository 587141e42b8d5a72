use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "patient.{name}.registered")]
pub struct PatientRegistered {
    pub name: Phi<String>,
}

fn main() {}
