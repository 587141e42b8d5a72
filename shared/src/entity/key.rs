//! Unique keys, as values.

use std::fmt;

use super::Entity;
use super::def::KeyDef;
use super::filter::{Filter, Node};
use super::repo::id_is;

/// Columns of an entity that together are unique. The derive makes a constant of each key:
/// `Appointment::UNIQUE_DOCTOR_ID_AND_STARTS_AT`.
pub struct UniqueKey<E> {
    name: &'static str,
    of_row: fn(&E) -> Filter<E>,
}

impl<E> Clone for UniqueKey<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for UniqueKey<E> {}

impl<E> fmt::Debug for UniqueKey<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UniqueKey({})", self.name)
    }
}

impl<E> UniqueKey<E> {
    /// For generated code: the name of the constraint, and the filter that finds a row's like.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, of_row: fn(&E) -> Filter<E>) -> Self {
        Self { name, of_row }
    }
}

impl<E: Entity> UniqueKey<E> {
    /// For generated code: that of the id.
    #[doc(hidden)]
    #[must_use]
    pub const fn of_id() -> Self {
        Self { name: "", of_row: |row| Filter::new(id_is::<E>(row.id().clone())) }
    }

    /// The declared key; that of the id is declared by being the id.
    pub(super) fn def(&self) -> Option<&'static KeyDef> {
        E::DEF.uniques.iter().find(|key| key.name == self.name)
    }

    /// Its columns.
    #[must_use]
    pub fn columns(&self) -> &'static [&'static str] {
        match self.def() {
            Some(key) => key.columns,
            None => std::slice::from_ref(&E::DEF.roles.id),
        }
    }

    /// Its fields.
    pub(super) fn fields(&self) -> Vec<String> {
        let field = |name: &&str| E::DEF.column(name).map_or((*name).to_owned(), |column| column.field.to_owned());
        self.columns().iter().map(field).collect()
    }

    /// The filter for rows with the same key; `None` when it has a NULL in it, which no other one equals.
    pub(super) fn like(&self, row: &E) -> Option<Filter<E>> {
        let filter = (self.of_row)(row);
        let is_null =
            |node: &Node| matches!(node, Node::Null { negated: false, column } if self.columns().contains(column));
        let has_null = match &filter.node {
            Node::Join { nodes, .. } => nodes.iter().any(is_null),
            node => is_null(node),
        };
        (!has_null).then_some(filter)
    }
}
