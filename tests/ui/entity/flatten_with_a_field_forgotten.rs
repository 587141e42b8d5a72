use shared::prelude::*;

#[derive(Debug, Clone)]
struct Address {
    city: String,
    zip: Option<String>,
}

#[derive(Entity)]
#[entity(table = "clinics")]
struct Clinic {
    #[entity(id)]
    id: Uuid,
    #[entity(flatten(city: String))]
    address: Address,
}

fn main() {}
