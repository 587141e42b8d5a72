// mistakes: 7

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "1st", unique(name, nmae))]
pub struct Patient {
    pub id: u64,
    #[entity(unique(name))]
    #[validate(length(min = 10, max = 3))]
    pub name: String,
    #[entity(rename = "a column")]
    pub ward: String,
}

fn main() {}
