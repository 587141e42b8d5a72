// mistakes: 5

use shared::prelude::*;

#[derive(Debug, Clone, EntityEnum)]
pub enum Status {
    Booked { at: u8 },
    Cancelled,
}

#[derive(Debug, Clone, EntityEnum)]
pub enum Kind {
    NoShow,
    #[entity(rename = "no_show")]
    Missed,
    #[entity(renam = "x")]
    Other,
}

#[derive(Debug, Clone, EntityEnum)]
pub enum Nothing {}

#[derive(Debug, Clone, EntityEnum)]
pub struct Name(String);

// used elsewhere: still one message each
#[derive(Debug, Clone, Entity)]
#[entity(table = "appointments")]
pub struct Appointment {
    #[entity(id)]
    pub id: Uuid,
    pub status: Status,
    pub kind: Kind,
    pub nothing: Nothing,
    pub name: Name,
}

fn main() {}
