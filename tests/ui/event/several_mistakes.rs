// mistakes: 5
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment..scheduled", key = appointment, versoin = 2)]
pub struct AppointmentScheduled {
    #[validate(range(min = 10, max = 3))]
    pub duration_minutes: u32,
    #[validate(emial)]
    pub email: String,
}

fn main() {}
