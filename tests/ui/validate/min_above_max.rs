use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(range(min = 10, max = 3))]
    pub duration_minutes: u32,
}

fn main() {}
