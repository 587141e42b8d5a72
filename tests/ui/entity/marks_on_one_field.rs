// mistakes: 10

use shared::prelude::*;

#[derive(Debug, Clone)]
pub struct Address {
    pub city: String,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "visits")]
pub struct Visit {
    #[entity(id, given, deleted_at)]
    pub id: Uuid,
    #[entity(created_by, deleted_at)]
    pub by: Option<String>,
    #[entity(updated_at, version)]
    pub version: i64,
    #[entity(created_at, updated_at)]
    pub written_at: DateTime<Utc>,
    #[entity(skip, rename = "cached")]
    pub cache: Vec<String>,
    #[entity(skip, references(Visit))]
    pub of: Option<Uuid>,
    #[entity(skip)]
    #[entity(version)]
    pub revision: i64,
    #[entity(unique, deleted_at)]
    pub deleted_at: Option<DateTime<Utc>>,
    #[entity(given, updated_by)]
    pub changed_by: Option<String>,
    #[entity(flatten(city: String), created_by)]
    pub address: Address,
}

// used elsewhere: still one message each
pub async fn read(db: &Db, id: Uuid) -> Result<Visit> {
    db.repo::<Visit>().get(id).await
}

fn main() {}
