// mistakes: 4

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    pub age: i32,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "doctors")]
pub struct Doctor {
    #[entity(id)]
    pub id: Uuid,
    pub name: String,
}

pub async fn read(db: &Db) -> Result<()> {
    let query = db.repo::<Patient>().query().order_by(Patient::AGE.desc());
    query.clone().page(50).await?;
    query.clone().page(Page::first(-1)).await?;
    query.clone().page(Page::after(7, 50)).await?;
    query.order_by(Doctor::NAME.asc()).page(Page::first(50)).await?;
    Ok(())
}

fn main() {}
