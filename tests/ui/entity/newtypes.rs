// mistakes: 3

use shared::prelude::*;

#[derive(Debug, Clone, EntityValue)]
pub struct Range(i32, i32);

#[derive(Debug, Clone, EntityValue)]
pub struct Named {
    pub name: String,
}

#[derive(Debug, Clone)]
pub struct Address;

#[derive(Debug, Clone, EntityValue)]
pub struct Home(Address);

// used elsewhere: still one message each
#[derive(Debug, Clone, Entity)]
#[entity(table = "houses")]
pub struct House {
    #[entity(id)]
    pub id: Uuid,
    pub range: Range,
    pub named: Named,
    pub home: Option<Home>,
}

fn main() {}
