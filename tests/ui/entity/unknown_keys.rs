// mistakes: 3

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(tabel = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    #[entity(uniqe, default = 7)]
    pub name: String,
}

// used elsewhere: still one message
pub async fn read(db: &Db, _: Uuid) -> Result<Vec<Patient>> {
    let repo = db.repo::<Patient>();
    let patient = repo.create(NewPatient { name: "Ada".into() }).await?;
    let patient = repo.update(&patient, PatientPatch::new().name("Ada")).await?;
    assert!(repo.find_by(Patient::NAME.eq("Ada")).await?.is_some());
    Ok(vec![patient])
}

fn main() {}
