use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
struct AppointmentScheduled {
    appointment_id: Uuid,
}

#[derive(Debug, Clone, Event)]
#[event(domain = "appointment", upcast(from = AppointmentEventV1))]
enum AppointmentEvent {
    Scheduled(AppointmentScheduled),
}

fn main() {}
