use shared::prelude::*;

/// An address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    pub street: Phi<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "patient.moved", key = patient_id)]
pub struct PatientMoved {
    pub patient_id: Uuid,
    pub to: Option<Address>,
}

#[subscribe("patient.moved")]
async fn note(event: PatientMoved) {
    drop(event);
}

fn main() {
    drop(shared::subscribers![note]);
}
