use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", version = 2, upcast(from = AppointmentScheduled))]
struct AppointmentScheduled {
    appointment_id: Uuid,
}

#[subscribe("appointment.scheduled")]
async fn remind(event: AppointmentScheduled) {
    drop(event);
}

fn main() {}
