use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
pub struct AppointmentScheduled {
    #[event(key)]
    pub appointment_id: Uuid,
}

fn main() {}
