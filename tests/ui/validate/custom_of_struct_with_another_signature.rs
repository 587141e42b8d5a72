use shared::prelude::*;

#[derive(Debug, Validate)]
#[validate(custom = ends_after_it_starts)]
pub struct Booking {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

fn ends_after_it_starts(starts_at: &DateTime<Utc>, ends_at: &DateTime<Utc>) -> bool {
    starts_at < ends_at
}

fn main() {}
