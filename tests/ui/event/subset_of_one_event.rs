use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.cancelled")]
pub struct AppointmentCancelled {
    pub appointment_id: Uuid,
}

#[derive(Debug, Clone, Event)]
#[event(domain = "appointment", subset_of = AppointmentScheduled)]
pub enum BookedOnly {
    Scheduled(AppointmentScheduled),
}

fn main() {}
