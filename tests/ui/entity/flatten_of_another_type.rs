use shared::prelude::*;

#[derive(Debug, Clone)]
struct Address {
    city: String,
    floor: i32,
}

#[derive(Entity)]
#[entity(table = "clinics")]
struct Clinic {
    #[entity(id)]
    id: Uuid,
    #[entity(flatten(city: String, floor: i64))]
    address: Address,
}

fn main() {}
