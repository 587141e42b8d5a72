use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(range(max = 300))]
    pub level: Option<u8>,
}

fn main() {}
