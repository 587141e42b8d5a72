// mistakes: 5
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(length())]
    pub reason: String,
    #[validate(length(bytes))]
    pub note: String,
    #[validate(each())]
    pub tags: Vec<String>,
    #[validate(one_of())]
    pub channel: String,
    #[validate(each(range()))]
    pub minutes: Vec<u32>,
}

fn main() {}
