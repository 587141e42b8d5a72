use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.booked", type = "appointment.scheduled")]
struct AppointmentScheduledV1 {
    appointment_id: Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", version = 2, upcast(from = AppointmentScheduledV1))]
struct AppointmentScheduled {
    appointment_id: Uuid,
}

impl From<AppointmentScheduledV1> for AppointmentScheduled {
    fn from(older: AppointmentScheduledV1) -> Self {
        Self { appointment_id: older.appointment_id }
    }
}

#[subscribe("appointment.scheduled")]
async fn remind(event: AppointmentScheduled) {
    drop(event);
}

fn main() {}
