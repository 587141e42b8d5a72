use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "{clinic_id}.appointment.scheduled")]
pub struct AppointmentScheduled {
    pub clinic_id: Uuid,
}

fn main() {}
