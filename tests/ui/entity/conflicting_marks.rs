// mistakes: 4

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id, version)]
    pub id: Uuid,
    #[entity(skip, unique)]
    pub name: String,
    #[entity(version, index)]
    pub version: i64,
    #[entity(created_at, references(Patient))]
    pub created_at: DateTime<Utc>,
}

fn main() {}
