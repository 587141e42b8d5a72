// mistakes: 4
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(range = 5)]
    pub duration_minutes: u32,
    #[validate(email = true)]
    pub email: String,
    #[validate(custom = "is_mrn")]
    pub mrn: String,
    #[validate(pattern)]
    pub code: String,
}

fn main() {}
