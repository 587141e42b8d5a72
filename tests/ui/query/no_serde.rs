use shared::prelude::*;

#[derive(Debug, Query)]
#[query(subject = "ward.beds.count", reply = u32)]
pub struct CountBeds {
    pub ward: u32,
}

pub async fn ask(bus: &Bus) {
    let _answer = bus.request(&CountBeds { ward: 7 }).await;
}

fn main() {}
