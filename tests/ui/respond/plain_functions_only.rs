// mistakes: 3
use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "ward.beds.count", reply = u32)]
pub struct CountBeds {
    pub ward: u32,
}

#[respond("ward.beds.count")]
async unsafe extern "C" fn count<T>(query: CountBeds) -> Result<u32> {
    Ok(query.ward)
}

pub fn responders() -> usize {
    shared::responders![count].len()
}

fn main() {}
