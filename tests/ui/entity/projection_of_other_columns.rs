// mistakes: 3

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "appointments")]
pub struct Appointment {
    #[entity(id)]
    pub id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub notes: Option<String>,
}

#[derive(Debug, Projection)]
#[projection(of = Appointment)]
pub struct Slot {
    pub id: Uuid,
    pub start_at: DateTime<Utc>,
}

#[derive(Debug, Projection)]
#[projection(of = Appointment)]
pub struct Note {
    pub id: i64,
    #[projection(column = notes)]
    pub text: String,
}

pub async fn read(db: &Db) -> Result<()> {
    db.repo::<Appointment>().query().select::<Slot>().all().await?;
    db.repo::<Appointment>().query().select::<Note>().all().await?;
    Ok(())
}

fn main() {}
