use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(pattern = "^[A-Z{2}$")]
    pub code: String,
}

fn main() {}
