// mistakes: 2

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    pub age: i32,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "doctors")]
pub struct Doctor {
    #[entity(id)]
    pub id: Uuid,
    pub name: String,
}

pub async fn read(db: &Db) -> Result<()> {
    db.repo::<Patient>().query().filter(Doctor::NAME.eq("Grey")).all().await?;
    db.repo::<Patient>().query().filter(Patient::AGE.starts_with("4")).all().await?;
    Ok(())
}

fn main() {}
