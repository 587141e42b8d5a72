// mistakes: 3
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(one_of("low", "high"))]
    pub urgency: u32,
    #[validate(one_of(1, 2))]
    pub channel: Option<String>,
    #[validate(one_of(1, 2))]
    pub size: f64,
}

fn main() {}
