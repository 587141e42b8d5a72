// mistakes: 2
use shared::prelude::*;

#[derive(Entity)]
#[entity(table = "visits")]
struct Visit {
    #[entity(id)]
    id: Uuid,
    #[entity(created_by)]
    made_by: i64,
    #[entity(updated_by)]
    changed_by: Option<bool>,
}

fn main() {}
