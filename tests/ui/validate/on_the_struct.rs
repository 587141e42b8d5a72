use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
#[validate(range(min = 5))]
pub struct AppointmentScheduled {
    pub duration_minutes: u32,
}

fn main() {}
