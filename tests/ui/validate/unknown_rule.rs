use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(rang(min = 5))]
    pub duration_minutes: u32,
}

fn main() {}
