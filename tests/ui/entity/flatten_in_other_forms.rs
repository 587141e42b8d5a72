// mistakes: 5
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
    #[entity(flatten)]
    first: Address,
    #[entity(flatten(city))]
    second: Address,
    #[entity(flatten(city: String), unique)]
    third: Address,
    #[entity(flatten(city: String), version)]
    fourth: Address,
    #[entity(flatten(city: String))]
    fifth: Address,
    fifth_city: String,
}

fn main() {}
