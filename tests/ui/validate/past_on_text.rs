// mistakes: 2
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(past)]
    pub born_at: String,
    #[validate(future)]
    pub starts_at: Option<u64>,
}

fn main() {}
