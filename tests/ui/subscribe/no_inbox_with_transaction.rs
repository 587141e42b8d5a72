// mistakes: 2
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", key = appointment_id)]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

#[subscribe("appointment.scheduled", no_inbox)]
async fn both(_event: AppointmentScheduled, _tx: &mut Tx) {}

#[subscribe("appointment.scheduled", no_inbox = true)]
async fn a_value(_event: AppointmentScheduled) {}

fn main() {}
