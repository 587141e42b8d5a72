// mistakes: 5

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "counters")]
pub struct Counter {
    #[entity(id)]
    pub id: Uuid,
    pub count: u64,
    pub size: Option<Phi<u128>>,
    pub length: usize,
    pub small: u8,
    pub real: f32,
}

// used elsewhere: still one message each
pub async fn create(db: &Db) -> Result<Counter> {
    db.repo::<Counter>().create(NewCounter { count: 0, size: None, length: 0, small: 0, real: 0.0 }).await
}

fn main() {}
