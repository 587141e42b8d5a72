use shared::prelude::*;

#[derive(Entity)]
#[entity(table = "visits", index(number, where(status = "open")))]
struct Visit {
    #[entity(id)]
    id: Uuid,
    number: i64,
    status: Status,
}

#[derive(Debug, Clone, Copy, EntityEnum)]
enum Status {
    Open,
}

fn main() {}
