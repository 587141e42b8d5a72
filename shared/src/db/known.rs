//! The entities that a database has heard of: an error may be about another table than the statement is.

use std::sync::{PoisonError, RwLock};

use super::failure::Names;
use crate::entity::EntityDef;

/// The entities whose tables were created or compared.
#[derive(Default)]
pub(crate) struct Known(RwLock<Vec<&'static EntityDef>>);

impl Known {
    pub(super) fn learn(&self, entities: &[&'static EntityDef]) {
        // entries are added whole
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for entity in entities {
            if !known.iter().any(|known| known.name == entity.name && known.table == entity.table) {
                known.push(entity);
            }
        }
    }

    /// The entity of a table: the one whose statement it is, if it is that one's, else one that is known. The schema is
    /// said on Postgres, where a declaration without one means whatever the search path finds.
    pub(super) fn names<'a>(&self, own: Option<&'a Names>, schema: Option<&str>, table: &str) -> Option<&'a Names> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let all = || own.into_iter().chain(known.iter().map(|entity| &entity.names));
        let exactly = |names: &&Names| match schema {
            Some(schema) => names.table.split_once('.') == Some((schema, table)),
            None => names.table.eq_ignore_ascii_case(table),
        };
        all().find(exactly).or_else(|| all().find(|names| names.table == table))
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::Entity;
    use crate::entity::Entity as _;

    macro_rules! rooms {
        ($($name:ident $table:literal)*) => {$(
            #[derive(Debug, Entity)]
            #[entity(table = $table)]
            struct $name {
                #[entity(id, given)]
                id: i64,
            }
        )*};
    }
    rooms! { Plain "rooms" Other "rooms" Clinic "clinic.rooms" Billing "billing.rooms" }

    #[test]
    fn a_table_is_of_the_entity_whose_statement_it_is_if_it_can_be() {
        let known = Known::default();
        let name = |own: Option<&'static EntityDef>, schema, table| {
            known.names(own.map(|own| &own.names), schema, table).map(|names| names.entity)
        };
        assert_eq!(name(None, None, "rooms"), None);
        known.learn(&[Plain::DEF, Clinic::DEF, Clinic::DEF]);
        known.learn(&[Other::DEF, Billing::DEF]);
        assert_eq!(name(None, None, "rooms"), Some("Plain"));
        assert_eq!(name(Some(Other::DEF), None, "Rooms"), Some("Other"));
        assert_eq!(name(Some(Other::DEF), None, "clinic.rooms"), Some("Clinic"));
        assert_eq!(name(Some(Other::DEF), Some("clinic"), "rooms"), Some("Clinic"));
        assert_eq!(name(Some(Clinic::DEF), Some("billing"), "rooms"), Some("Billing"));
        assert_eq!(name(Some(Clinic::DEF), Some("public"), "rooms"), Some("Plain"));
        assert_eq!(name(Some(Clinic::DEF), Some("public"), "wards"), None);
    }
}
