// mistakes: 2

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "visits")]
pub struct Visit {
    #[entity(id)]
    pub id: Uuid,
    #[entity(version)]
    pub version: u64,
    #[entity(deleted_at)]
    pub deleted_at: Option<Option<DateTime<Utc>>>,
}

// used elsewhere: still one message each
pub async fn write(db: &Db, visit: &Visit) -> Result<()> {
    db.repo::<Visit>().delete(visit).await
}

fn main() {}
