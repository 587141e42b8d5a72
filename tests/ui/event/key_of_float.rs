use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "vitals.measured", key = value)]
pub struct VitalsMeasured {
    pub value: f64,
}

fn main() {}
