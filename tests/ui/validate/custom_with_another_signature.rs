use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(custom = is_even)]
    pub duration_minutes: u32,
}

fn is_even(minutes: u32) -> bool {
    minutes % 2 == 0
}

fn main() {}
