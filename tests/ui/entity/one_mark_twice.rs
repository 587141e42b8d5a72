// mistakes: 2

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "visits")]
pub struct Visit {
    #[entity(id, id)]
    pub id: Uuid,
    #[entity(version)]
    #[entity(version)]
    pub version: i64,
}

fn main() {}
