use shared::prelude::*;

#[derive(Debug, Clone)]
pub struct Patient;

pub async fn read(db: &Db, id: Uuid) -> Result<()> {
    db.repo::<Patient>();
    Ok(())
}

fn main() {}
