use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "ward.{ward}.beds", reply = u32)]
pub struct CountBeds {
    pub ward: u32,
}

fn main() {}
