// mistakes: 3
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(url)]
    pub site: u32,
    #[validate(length(bytes, max = 5))]
    pub tags: Vec<String>,
    #[validate(email)]
    pub emails: Vec<String>,
}

fn main() {}
