use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", subject = "appointment.booked")]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

fn main() {}
