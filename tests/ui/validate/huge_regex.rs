use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(pattern = "^\\w{1,5000}$")]
    pub code: String,
}

fn main() {}
