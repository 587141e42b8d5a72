use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Page<T> {
    #[validate(length(max = 5))]
    pub items: Vec<T>,
}

fn main() {}
