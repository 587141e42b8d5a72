// mistakes: 7

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
}

#[derive(Debug, Projection)]
pub struct OfNothing {
    pub id: Uuid,
}

#[derive(Debug, Projection)]
#[projection(off = Patient)]
pub struct Misspelt {
    pub id: Uuid,
}

#[derive(Debug, Projection)]
#[projection(of = "Patient")]
pub struct OfAText {
    pub id: Uuid,
}

#[derive(Debug, Projection)]
#[projection(of = Patient)]
pub struct Positions(Uuid);

#[derive(Debug, Projection)]
#[projection(of = Patient)]
pub struct Empty {}

#[derive(Debug, Projection)]
#[projection(of = Patient)]
pub struct Field {
    #[projection(rename = id)]
    pub key: Uuid,
    #[projection(column = "id")]
    pub id: Uuid,
}

pub async fn read(db: &Db) -> Result<()> {
    let query = db.repo::<Patient>().query();
    query.clone().select::<OfNothing>().all().await?;
    query.clone().select::<Misspelt>().all().await?;
    query.clone().select::<OfAText>().all().await?;
    query.clone().select::<Positions>().all().await?;
    query.select::<Field>().all().await?;
    Ok(())
}

fn main() {}
