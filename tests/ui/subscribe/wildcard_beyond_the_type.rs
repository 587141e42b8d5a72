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
#[event(domain = "appointment")]
pub enum AppointmentEvent {
    Scheduled(AppointmentScheduled),
    Cancelled(AppointmentCancelled),
}

#[derive(Debug, Clone, Event)]
#[event(domain = "appointment", subset_of = AppointmentEvent)]
pub enum BookedOnly {
    Scheduled(AppointmentScheduled),
}

#[subscribe("appointment.*")]
async fn remind(_event: BookedOnly) {}

pub fn subscribers() -> usize {
    shared::subscribers![remind].len()
}

fn main() {}
