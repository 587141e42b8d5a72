// mistakes: 6
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

#[subscribe(
    "appointment.*",
    retry(max = 0, backoff = "fast"),
    concurrency = 0,
    timeout = "soon",
    on_unknown = "drop",
    name = "re mind"
)]
async fn remind(_event: AppointmentEvent) {}

fn main() {}
