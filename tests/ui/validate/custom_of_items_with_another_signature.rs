use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(each(custom = is_code))]
    pub codes: Vec<String>,
}

fn is_code(code: String) -> Result<(), &'static str> {
    if code.is_empty() { Err("a code") } else { Ok(()) }
}

fn main() {}
