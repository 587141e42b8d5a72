// mistakes: 2

use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, EntityValue)]
pub struct Mrn(String);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, EntityValue)]
pub struct Ssn(Phi<String>);

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "patient.{mrn}.registered", key = ssn)]
pub struct PatientRegistered {
    pub mrn: Mrn,
    pub ssn: Ssn,
}

fn main() {}
