use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "ward.beds.count", reply = u32)]
pub struct CountBeds {
    pub ward: u32,
}

#[respond("ward.beds.count")]
async fn count(query: CountBeds, _first: &mut Tx, _second: &mut Tx) -> Result<u32> {
    Ok(query.ward)
}

pub fn responders() -> usize {
    shared::responders![count].len()
}

fn main() {}
