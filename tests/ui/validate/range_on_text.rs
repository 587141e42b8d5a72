use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(range(min = 5))]
    pub reason: String,
}

fn main() {}
