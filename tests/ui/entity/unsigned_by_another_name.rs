use shared::prelude::*;

type Count = u64;

#[derive(Debug, Clone, Entity)]
#[entity(table = "counters")]
pub struct Counter {
    #[entity(id)]
    pub id: Uuid,
    pub count: Count,
}

fn main() {}
