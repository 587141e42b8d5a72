// mistakes: 5

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "slots", unique(docter_id, starts_at), index(starts_at, starts_at), unique(starts_at), index(), unique = doctor_id)]
pub struct Slot {
    #[entity(id)]
    pub id: Uuid,
    pub doctor_id: Uuid,
    #[entity(unique)]
    pub starts_at: DateTime<Utc>,
}

fn main() {}
