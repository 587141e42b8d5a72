use shared::prelude::*;

#[derive(Debug, Serialize, Deserialize, Query)]
pub struct CountBeds {
    pub ward: u32,
}

pub async fn ask(bus: &Bus) {
    let _answer = bus.request(&CountBeds { ward: 7 }).await;
}

fn main() {}
