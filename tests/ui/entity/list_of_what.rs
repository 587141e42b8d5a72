use shared::prelude::*;

#[derive(Debug, Clone)]
struct Address {
    city: String,
}

#[derive(Entity)]
#[entity(table = "clinics")]
struct Clinic {
    #[entity(id)]
    id: Uuid,
    addresses: Vec<Address>,
}

fn main() {}
