use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(range())]
    pub duration_minutes: u32,
}

fn main() {}
