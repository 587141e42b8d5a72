use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    pub tags: String,
}

pub async fn read(db: &Db) -> Result<()> {
    db.repo::<Patient>().query().filter(Patient::TAGS.contains_json(&["smoker"])).all().await?;
    Ok(())
}

fn main() {}
