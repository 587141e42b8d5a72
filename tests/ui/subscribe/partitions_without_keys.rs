use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

#[subscribe("appointment.scheduled", partitions = 4)]
async fn remind(_event: AppointmentScheduled) {}

fn main() {}
