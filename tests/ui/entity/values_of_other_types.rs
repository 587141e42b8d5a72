// mistakes: 6

use shared::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, EntityEnum)]
pub enum Status {
    Booked,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "appointments")]
pub struct Appointment {
    #[entity(id)]
    pub id: Uuid,
    pub status: Status,
    pub notes: Option<String>,
}

pub async fn read(db: &Db, appointment: &Appointment) -> Result<()> {
    let repo = db.repo::<Appointment>();
    repo.query().filter(Appointment::STATUS.eq("booked")).all().await?;
    repo.query().filter(Appointment::NOTES.eq(7)).all().await?;
    repo.query().filter(Appointment::NOTES.between("a", 'z')).all().await?;
    repo.query().filter(Appointment::STATUS.not_in(["booked"])).all().await?;
    repo.update(appointment, AppointmentPatch::new().status(true)).await?;
    repo.get("not an id").await?;
    Ok(())
}

fn main() {}
