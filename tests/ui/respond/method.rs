use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "ward.beds.count", reply = u32)]
pub struct CountBeds {
    pub ward: u32,
}

pub struct Wards;

impl Wards {
    #[respond("ward.beds.count")]
    async fn count(&self, query: CountBeds) -> Result<u32> {
        Ok(query.ward)
    }
}

fn main() {}
