use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    pub id: Uuid,
    pub name: String,
}

// used elsewhere: still one message
pub async fn read(db: &Db, id: Uuid) -> Result<Vec<Patient>> {
    let repo = db.repo::<Patient>();
    let patient = repo.create(NewPatient { id, name: "Ada".into() }).await?;
    let patient = repo.update(&patient, PatientPatch::new().name("Ada")).await?;
    assert!(repo.find_by(Patient::NAME.eq("Ada")).await?.is_some());
    Ok(vec![patient])
}

fn main() {}
