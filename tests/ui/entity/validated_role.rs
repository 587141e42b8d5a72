// mistakes: 3

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    #[entity(version)]
    #[validate(range(min = 1))]
    pub version: i64,
    #[entity(skip)]
    #[validate(length(max = 1))]
    pub cache: Vec<String>,
    #[validate(email)]
    pub age: i32,
}

fn main() {}
