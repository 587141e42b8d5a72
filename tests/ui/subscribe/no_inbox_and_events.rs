use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", key = appointment_id)]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "reminder.sent", key = appointment_id)]
pub struct ReminderSent {
    pub appointment_id: Uuid,
}

#[subscribe("appointment.scheduled", no_inbox)]
async fn remind(event: AppointmentScheduled) -> Result<Option<ReminderSent>> {
    Ok(Some(ReminderSent { appointment_id: event.appointment_id }))
}

fn main() {}
