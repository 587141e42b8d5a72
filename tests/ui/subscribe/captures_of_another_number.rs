// mistakes: 3
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{clinic_id}.room.{room}.cleaned")]
pub struct RoomCleaned {
    pub clinic_id: u32,
    pub room: Token,
}

type Room = Captures<Token>;

#[subscribe("clinic.*.room.*.cleaned")]
async fn fine(_event: RoomCleaned, _meta: &Metadata, _where: Captures<(u32, Token)>) {}

#[subscribe("clinic.*.room.*.cleaned")]
async fn one_of_two(_event: RoomCleaned, _room: Room) {}

#[subscribe("clinic.*.room.OR-2b.cleaned")]
async fn two_of_one(_event: RoomCleaned, Captures((_clinic, _room)): Captures<(u32, Token)>) {}

#[subscribe("clinic.7.room.OR-2b.cleaned")]
async fn one_of_none(_event: RoomCleaned, Captures(_room): Captures<Token>) {}

pub fn subscribers() -> usize {
    shared::subscribers![fine, one_of_two, two_of_one, one_of_none].len()
}

fn main() {}
