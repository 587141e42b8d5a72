use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

#[derive(Debug, Clone, Event)]
#[event(domain = "appointment")]
pub enum AppointmentEvent<T> {
    Scheduled(AppointmentScheduled),
    Other(T),
}

#[subscribe("appointment.*")]
async fn remind(_event: AppointmentEvent<AppointmentScheduled>) {}

fn main() {}
