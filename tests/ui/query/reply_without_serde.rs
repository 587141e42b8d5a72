use shared::prelude::*;

pub struct Beds {
    pub free: u32,
}

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "ward.beds.count", reply = Beds)]
pub struct CountBeds {
    pub ward: u32,
}

fn main() {}
