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
    pub name: String,
    pub address: Address,
}

// used elsewhere: still one message
pub async fn read(db: &Db, address: Address) -> Result<Vec<Patient>> {
    let repo = db.repo::<Patient>();
    let patient = repo.create(NewPatient { name: "Ada".into(), address: address.clone() }).await?;
    let patient = repo.update(&patient, PatientPatch::new().name("Ada").address(address)).await?;
    assert!(repo.find_by(Patient::NAME.eq("Ada")).await?.is_some());
    Ok(vec![patient])
}

fn main() {}
