use shared::prelude::*;

#[derive(Debug, Clone)]
pub struct Address {
    pub street: String,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    pub address: Option<Phi<Address>>,
}

// used elsewhere: still one message
pub async fn create(db: &Db) -> Result<Patient> {
    db.repo::<Patient>().create(NewPatient { address: None }).await
}

fn main() {}
