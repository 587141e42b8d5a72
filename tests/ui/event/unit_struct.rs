use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clock.ticked")]
pub struct ClockTicked;

fn main() {}
