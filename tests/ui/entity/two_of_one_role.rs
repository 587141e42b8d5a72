use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    #[entity(version)]
    pub version: i64,
    #[entity(version)]
    pub revision: i64,
}

fn main() {}
