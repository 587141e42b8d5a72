use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "ward.beds.count", reply = u32)]
pub struct CountBeds(pub u32);

fn main() {}
