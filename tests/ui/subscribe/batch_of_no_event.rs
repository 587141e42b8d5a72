use shared::prelude::*;

pub struct Vitals {
    pub patient_id: Uuid,
}

#[subscribe("vitals.measured")]
async fn store(_events: Batch<Vitals>, _tx: &mut Tx) {}

fn main() {}
