use shared::prelude::*;

#[derive(Debug, Clone)]
pub struct Patient;

#[derive(Debug, Clone, Entity)]
#[entity(table = "appointments")]
pub struct Appointment {
    #[entity(id)]
    pub id: Uuid,
    #[entity(references(Patient))]
    pub patient_id: Uuid,
}

// used elsewhere: still one message
pub async fn create(db: &Db, patient_id: Uuid) -> Result<Appointment> {
    db.repo::<Appointment>().create(NewAppointment { patient_id }).await
}

fn main() {}
