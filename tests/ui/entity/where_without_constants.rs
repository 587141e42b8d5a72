use shared::prelude::*;

#[derive(Entity)]
#[entity(table = "visits", index(number, where(weight = 1.5)))]
struct Visit {
    #[entity(id)]
    id: Uuid,
    number: i64,
    weight: f64,
}

fn main() {}
