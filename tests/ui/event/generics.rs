use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
pub struct AppointmentScheduled<T> {
    pub appointment_id: T,
}

#[subscribe("appointment.scheduled")]
async fn remind(_event: AppointmentScheduled<u32>) {}

fn main() {}
