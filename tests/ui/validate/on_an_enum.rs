use shared::prelude::*;

#[derive(Debug, Validate)]
pub enum Urgency {
    Low,
    High,
}

fn main() {}
