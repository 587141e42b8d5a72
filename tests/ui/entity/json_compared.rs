use shared::prelude::*;

use shared::entity::Json;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    pub tags: Json<Vec<String>>,
}

pub async fn read(db: &Db) -> Result<()> {
    db.repo::<Patient>().query().filter(Patient::TAGS.eq(Json(vec![]))).all().await?;
    Ok(())
}

fn main() {}
