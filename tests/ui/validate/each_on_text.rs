use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(each(length(max = 5)))]
    pub reason: String,
}

fn main() {}
