// mistakes: 5

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "clinic.patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    #[entity(rename = "ctid")]
    pub name: String,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "shared_outbox")]
pub struct Outbox {
    #[entity(id)]
    pub id: Uuid,
    pub new: bool,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = 7)]
pub struct Seven {
    #[entity(id)]
    pub id: Uuid,
}

fn main() {}
