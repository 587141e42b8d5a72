use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(nested)]
    pub lines: Vec<u32>,
}

fn main() {}
