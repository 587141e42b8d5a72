use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(pattern = "^a")]
    pub code: Option<u32>,
}

fn main() {}
