// mistakes: 4
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = appointment, key = "appointment_id", version = "2", type = 5)]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

fn main() {}
