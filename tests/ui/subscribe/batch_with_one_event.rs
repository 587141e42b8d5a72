use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "vitals.measured", key = patient_id)]
pub struct VitalsMeasured {
    pub patient_id: Uuid,
}

#[subscribe("vitals.measured")]
async fn store(_events: Batch<VitalsMeasured>, _tx: &mut Tx, _db: &Db, _meta: &Metadata) {}

fn main() {}
