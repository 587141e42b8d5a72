// mistakes: 5
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(range(min = "5"))]
    pub minutes: u32,
    #[validate(range(max = true))]
    pub hours: u32,
    #[validate(length(max = -1))]
    pub reason: String,
    #[validate(length(equal = 1.5))]
    pub code: String,
    #[validate(range(min))]
    pub level: u8,
}

fn main() {}
