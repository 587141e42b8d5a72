use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(each(each(email)))]
    pub emails: Vec<String>,
}

fn main() {}
