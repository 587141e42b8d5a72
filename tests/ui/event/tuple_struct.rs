use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled")]
pub struct AppointmentScheduled(pub Uuid);

// used elsewhere: still one message
#[derive(Debug, Clone, Event)]
#[event(domain = "appointment")]
pub enum AppointmentEvent {
    Scheduled(AppointmentScheduled),
}

#[subscribe("appointment.*")]
async fn remind(_event: AppointmentEvent) {}

#[subscribe("appointment.scheduled")]
async fn count(_event: AppointmentScheduled) {}

pub fn subscribers() -> usize {
    shared::subscribers![remind, count].len()
}

pub fn publish(event: &AppointmentScheduled) -> Result<()> {
    event.validate()?;
    let _ = (AppointmentScheduled::SUBJECT, AppointmentEvent::from(event.clone()));
    Ok(())
}

fn main() {}
