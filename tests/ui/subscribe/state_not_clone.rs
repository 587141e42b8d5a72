use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

pub struct Mailer;

#[subscribe("appointment.scheduled")]
async fn remind(_event: AppointmentScheduled, _mailer: State<Mailer>) {}

fn main() {}
