use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", colour = "red")]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

fn main() {}
