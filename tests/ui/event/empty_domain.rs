use shared::prelude::*;

#[derive(Debug, Clone, Event)]
#[event(domain = "appointment")]
pub enum AppointmentEvent {}

fn main() {}
