// mistakes: 4

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    pub name: String,
    #[entity(version)]
    pub version: i32,
    #[entity(created_at)]
    pub created_at: NaiveDate,
    #[entity(updated_at)]
    pub updated_at: Option<DateTime<Utc>>,
    #[entity(deleted_at)]
    pub deleted_at: DateTime<Utc>,
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
