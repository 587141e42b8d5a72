// mistakes: 2

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "doctors")]
pub struct Doctor {
    #[entity(id)]
    pub id: Uuid,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "appointments")]
pub struct Appointment {
    #[entity(id)]
    pub id: Uuid,
    #[entity(references(Patient))]
    pub patient_id: Uuid,
    pub doctor_id: Uuid,
}

pub async fn read(db: &Db, appointments: &[Appointment]) -> Result<()> {
    db.repo::<Doctor>().load_many(appointments, Appointment::PATIENT_ID).await?;
    db.repo::<Doctor>().load_many(appointments, Appointment::DOCTOR_ID).await?;
    Ok(())
}

fn main() {}
