use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "bookings")]
#[validate(custom = ends_after_it_starts)]
pub struct Booking {
    #[entity(id)]
    pub id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

fn ends_after_it_starts(new: &NewBooking) -> Result<(), &'static str> {
    if new.starts_at < new.ends_at { Ok(()) } else { Err("something that ends after it starts") }
}

fn main() {}
