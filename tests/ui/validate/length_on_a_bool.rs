use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(length(max = 5))]
    pub urgent: bool,
}

fn main() {}
