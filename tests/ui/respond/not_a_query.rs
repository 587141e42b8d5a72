use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "ward.beds.count", reply = u32)]
pub struct CountBeds {
    pub ward: u32,
}

#[respond("ward.beds.count")]
async fn count(query: u32) -> Result<u32> {
    Ok(query)
}

pub fn responders() -> usize {
    shared::responders![count].len()
}

fn main() {}
