// mistakes: 8
use shared::prelude::*;

#[derive(Entity)]
#[entity(
    table = "visits",
    unique(number, starts_at(desc)),
    index(starts_at(down)),
    index(number, where(statsu = Status::Open)),
    index(where(status = Status::Open)),
    index(number, where(number > 3)),
    index(number, where(number = compute())),
    index(starts_at(desc)),
    index(starts_at(desc)),
    unique = number
)]
struct Visit {
    #[entity(id)]
    id: Uuid,
    number: i64,
    starts_at: DateTime<Utc>,
    status: Status,
}

#[derive(Debug, Clone, Copy, EntityEnum)]
enum Status {
    Open,
}

fn main() {}
