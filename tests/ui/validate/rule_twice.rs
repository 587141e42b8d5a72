use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(email, email)]
    pub email: String,
}

fn main() {}
