use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subjct = "ward.beds.count", reply = u32)]
pub struct CountBeds {
    pub ward: u32,
}

fn main() {}
