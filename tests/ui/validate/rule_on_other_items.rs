// mistakes: 3
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(each(email))]
    pub emails: Vec<u32>,
    #[validate(each(range(max = 5)))]
    pub tags: Option<Vec<String>>,
    #[validate(each(length(max = 5), nested))]
    pub labels: Vec<String>,
}

fn main() {}
