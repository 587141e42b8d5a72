// mistakes: 3
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.room.{number}.cleaned")]
pub struct RoomCleaned {
    pub clinic_id: Uuid,
    pub number: u16,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.closed")]
pub struct ClinicClosed {
    pub clinic_id: Uuid,
}

#[derive(Debug, Clone, Event)]
#[event(domain = "clinic")]
pub enum ClinicEvent {
    RoomCleaned(RoomCleaned),
    Closed(ClinicClosed),
}

#[derive(Debug, Clone, Copy, EntityValue)]
pub struct ClinicId(Uuid);

#[subscribe("clinic.*.room.*.cleaned")]
async fn fine(_event: RoomCleaned, _ids: Captures<(ClinicId, i64)>, _texts: Captures<(Token, String)>) {}

#[subscribe("clinic.*.room.*.cleaned")]
async fn in_another_order(_event: RoomCleaned, Captures((_number, _clinic_id)): Captures<(u16, Uuid)>) {}

#[subscribe("clinic.*.>")]
async fn of_one_event(_event: ClinicEvent, Captures(_open): Captures<bool>) {}

#[subscribe("clinic.*.*", on_unknown = "skip")]
async fn of_a_literal(_event: ClinicClosed, Captures((_clinic_id, _number)): Captures<(Uuid, u16)>) {}

pub fn subscribers() -> usize {
    shared::subscribers![fine, in_another_order, of_one_event, of_a_literal].len()
}

fn main() {}
