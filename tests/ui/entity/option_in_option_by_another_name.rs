use shared::prelude::*;

type Name = Option<String>;

#[derive(Debug, Clone, Entity)]
#[entity(table = "patients")]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    pub name: Option<Name>,
}

fn main() {}
