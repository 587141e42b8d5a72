use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "ward.beds.count", reply = u32)]
pub struct CountBeds {
    pub ward: u32,
}

#[respond("ward.beds.count")]
async fn count(query: CountBeds) -> Result<u32> {
    let ward = std::rc::Rc::new(query.ward);
    std::future::ready(()).await;
    Ok(*ward)
}

pub fn responders() -> usize {
    shared::responders![count].len()
}

fn main() {}
