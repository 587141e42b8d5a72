// mistakes: 4
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", key = appointment_id)]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

#[subscribe("appointment.scheduled", unordered, partitions = 4)]
async fn both(_event: AppointmentScheduled) {}

#[subscribe("appointment.scheduled", unordered = true)]
async fn a_value(_event: AppointmentScheduled) {}

#[subscribe("appointment.scheduled", partitions = 1)]
async fn too_few(_event: AppointmentScheduled) {}

#[subscribe("appointment.scheduled", partitions(4))]
async fn a_list(_event: AppointmentScheduled) {}

fn main() {}
