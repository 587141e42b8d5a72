use shared::prelude::*;

#[derive(Event)]
#[event(subject = "appointment.scheduled")]
pub union AppointmentScheduled {
    pub whole: u64,
    pub half: u32,
}

fn main() {}
