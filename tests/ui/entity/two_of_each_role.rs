// mistakes: 6

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "visits")]
pub struct Visit {
    #[entity(id)]
    pub id: Uuid,
    #[entity(version)]
    pub version: i64,
    #[entity(created_at)]
    pub created_at: DateTime<Utc>,
    #[entity(updated_at)]
    pub updated_at: DateTime<Utc>,
    #[entity(created_by)]
    pub created_by: Option<String>,
    #[entity(updated_by)]
    pub updated_by: Option<String>,
    #[entity(deleted_at)]
    pub deleted_at: Option<DateTime<Utc>>,
    #[entity(deleted_at, rename = "removed")]
    pub removed_at: Option<DateTime<Utc>>,
    #[entity(updated_by)]
    pub changed_by: Option<Uuid>,
    #[entity(created_by)]
    pub made_by: String,
    #[entity(updated_at, index)]
    pub changed_at: DateTime<Utc>,
    #[entity(created_at)]
    pub made_at: DateTime<Utc>,
    #[entity(version)]
    pub revision: i64,
}

// used elsewhere: still one message each
pub async fn write(db: &Db) -> Result<Visit> {
    db.repo::<Visit>().create(NewVisit {}).await
}

fn main() {}
