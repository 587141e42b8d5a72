// mistakes: 4
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(length(min = 10, max = 3))]
    pub reason: String,
    #[validate(length(bytes, min = 10, max = 3))]
    pub note: Phi<String>,
    #[validate(each(length(min = 10, max = 3)))]
    pub tags: Vec<String>,
    #[validate(range(min = -1.5, max = -2.5))]
    pub offset: f64,
}

fn main() {}
