// mistakes: 4
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(one_of("phone", 1))]
    pub channel: String,
    #[validate(one_of("low", "high", "low"))]
    pub urgency: String,
    #[validate(one_of(PHONE))]
    pub device: String,
    #[validate(one_of(1.5))]
    pub size: f64,
}

pub const PHONE: &str = "phone";

fn main() {}
