use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

#[derive(Debug, Clone)]
pub struct Note {
    pub text: String,
}

#[derive(Debug, Clone, Event)]
#[event(domain = "appointment")]
pub enum AppointmentEvent {
    Scheduled(AppointmentScheduled),
    Noted(Note),
}

#[subscribe("appointment.*")]
async fn remind(_event: AppointmentEvent) {}

fn main() {}
