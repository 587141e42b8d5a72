// mistakes: 5
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "vitals.measured", key = patient_id)]
pub struct VitalsMeasured {
    pub patient_id: Uuid,
}

#[subscribe("vitals.measured", batch(max = 500))]
async fn one_at_a_time(_event: VitalsMeasured, _tx: &mut Tx) {}

#[subscribe("vitals.measured")]
async fn without_a_transaction(_events: Batch<VitalsMeasured>) {}

#[subscribe("vitals.measured", batch(max = 1, wait = "1m"))]
async fn out_of_range(_events: Batch<VitalsMeasured>, _tx: &mut Tx) {}

#[subscribe("vitals.measured", batch = 500)]
async fn not_a_list(_events: Batch<VitalsMeasured>, _tx: &mut Tx) {}

fn main() {}
