use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "_INBOX.appointment")]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

fn main() {}
