// mistakes: 2
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(length(equal = 8, min = 2))]
    pub code: String,
    #[validate(length(bytes, max = 8, equal = 8))]
    pub token: String,
}

fn main() {}
