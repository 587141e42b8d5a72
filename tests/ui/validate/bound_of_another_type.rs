// mistakes: 3
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(range(min = LOWEST))]
    pub minutes: u32,
    #[validate(range(min = 1.5))]
    pub hours: u32,
    #[validate(length(max = LONGEST))]
    pub reason: String,
}

pub const LOWEST: i64 = 5;
pub const LONGEST: u32 = 5;

fn main() {}
