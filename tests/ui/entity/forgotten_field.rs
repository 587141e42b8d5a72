use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    pub name: String,
    pub ward: Option<String>,
}

pub async fn create(db: &Db) -> Result<Patient> {
    db.repo::<Patient>().create(NewPatient { name: "Ada".into() }).await
}

fn main() {}
