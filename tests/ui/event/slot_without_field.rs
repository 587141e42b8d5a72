use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic}.appointment.scheduled")]
pub struct AppointmentScheduled {
    pub clinic_id: Uuid,
}

fn main() {}
