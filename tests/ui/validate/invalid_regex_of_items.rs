use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(each(pattern = "^[A-Z{2}$"))]
    pub codes: Vec<String>,
}

fn main() {}
