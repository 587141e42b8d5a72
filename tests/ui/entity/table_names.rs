// mistakes: 12

use shared::prelude::*;

#[derive(Debug, Clone, Entity)]
#[entity(table = "clinic patients")]
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

#[derive(Debug, Clone, Entity)]
#[entity(table = "hospital.clinic.rooms")]
pub struct ThreeParts {
    #[entity(id)]
    pub id: Uuid,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = ".rooms")]
pub struct NoSchema {
    #[entity(id)]
    pub id: Uuid,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "clinic.")]
pub struct NoTable {
    #[entity(id)]
    pub id: Uuid,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "pg_clinic.rooms")]
pub struct InPostgresOwn {
    #[entity(id)]
    pub id: Uuid,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "clinic.shared_rooms")]
pub struct InSharedOwn {
    #[entity(id)]
    pub id: Uuid,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "clinic.2nd_rooms")]
pub struct Second {
    #[entity(id)]
    pub id: Uuid,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "clinic.rooms_whose_name_goes_on_and_on_until_postgres_would_cut_it_off_at_last")]
pub struct Long {
    #[entity(id)]
    pub id: Uuid,
}

fn main() {}
