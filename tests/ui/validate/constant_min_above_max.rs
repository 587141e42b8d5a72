// mistakes: 2
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(length(min = LONGEST, max = SHORTEST))]
    pub reason: String,
    #[validate(range(min = 480, max = SHORTEST_MINUTES))]
    pub duration_minutes: u32,
}

const SHORTEST: usize = 1;
const LONGEST: usize = 500;
const SHORTEST_MINUTES: u32 = 5;

fn main() {}
