use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "ward.*", reply = u32)]
pub struct CountBeds {
    pub ward: u32,
}

fn main() {}
