// mistakes: 3

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub enum Patient {
    In,
    Out,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "doctors")]
pub struct Doctor(Uuid);

#[derive(Debug, Clone, Entity)]
#[entity(table = "wards")]
pub struct Ward<T> {
    #[entity(id)]
    pub id: Uuid,
    pub value: T,
}

// used elsewhere: still one message each
pub async fn read(db: &Db, id: Uuid) -> Result<(Patient, Doctor)> {
    Ok((db.repo::<Patient>().get(id).await?, db.repo::<Doctor>().get(id).await?))
}

fn main() {}
