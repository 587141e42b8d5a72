use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "visits", unique(number, tags))]
pub struct Visit {
    #[entity(id)]
    pub id: Uuid,
    pub number: i64,
    pub tags: Vec<String>,
}

// used elsewhere: still one message
pub async fn read(db: &Db) -> Result<Option<Visit>> {
    db.repo::<Visit>().find_by(Visit::by_number_and_tags(7, Vec::new())).await
}

fn main() {}
