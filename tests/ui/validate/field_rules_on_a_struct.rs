// mistakes: 3
use shared::prelude::*;

#[derive(Debug, Validate)]
#[validate(length(max = 5), custm = is_right)]
pub struct Booking {
    pub reason: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(domain = "appointment")]
#[validate(custom = is_right)]
pub enum AppointmentEvent {
    Booked(Booked),
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.booked")]
pub struct Booked {}

fn main() {}
