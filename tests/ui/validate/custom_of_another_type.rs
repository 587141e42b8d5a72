// mistakes: 2
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(custom = is_code)]
    pub duration_minutes: u32,
    #[validate(custom = is_code)]
    pub code: Option<String>,
}

fn is_code(code: &str) -> Result<(), &'static str> {
    if code.is_empty() { Err("a code") } else { Ok(()) }
}

fn main() {}
