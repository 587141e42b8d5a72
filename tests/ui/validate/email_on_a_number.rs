use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(email)]
    pub email: u32,
}

fn main() {}
