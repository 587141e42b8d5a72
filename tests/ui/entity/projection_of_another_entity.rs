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

#[derive(Debug, Projection)]
#[projection(of = Patient)]
pub struct Key {
    pub id: Uuid,
}

pub async fn read(db: &Db) -> Result<()> {
    db.repo::<Doctor>().query().select::<Key>().all().await?;
    Ok(())
}

fn main() {}
