// mistakes: 7

use shared::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EntityValue)]
pub struct Revision(i64);

#[derive(Debug, Clone, Entity)]
#[entity(table = "visits")]
pub struct Visit {
    #[entity(id)]
    pub id: Uuid,
    #[entity(version)]
    pub version: Option<i64>,
    #[entity(created_at)]
    pub created_at: Phi<DateTime<Utc>>,
    #[entity(updated_at)]
    pub updated_at: String,
    #[entity(created_by)]
    pub created_by: Phi<String>,
    #[entity(updated_by)]
    pub updated_by: Vec<String>,
    #[entity(deleted_at)]
    pub deleted_at: Option<bool>,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "notes")]
pub struct Note {
    #[entity(id)]
    pub id: Uuid,
    #[entity(version)]
    pub version: Revision,
}

// used elsewhere: still one message each
pub async fn write(db: &Db, visit: &Visit, note: &Note) -> Result<()> {
    db.repo::<Visit>().delete(visit).await?;
    db.repo::<Note>().delete(note).await
}

fn main() {}
