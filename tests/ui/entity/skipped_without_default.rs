use shared::prelude::*;

#[derive(Debug, Clone)]
pub struct Cache;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
#[validate(custom = is_known)]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    #[entity(skip)]
    pub cached: Cache,
}

fn is_known(_patient: &Patient) -> Result<(), &'static str> {
    Ok(())
}

pub async fn used(db: &Db) -> shared::Result<Patient> {
    db.repo::<Patient>().create(NewPatient {}).await
}

fn main() {}
