use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(one_of(1, 300))]
    pub level: u8,
}

fn main() {}
