// mistakes: 2
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(length(bytes, min = LONGEST, max = 1))]
    pub reason: String,
    #[validate(each(length(min = LONGEST, max = 1)))]
    pub tags: Vec<String>,
}

pub const LONGEST: usize = 500;

fn main() {}
