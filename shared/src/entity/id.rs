//! What can be an entity's id.

use std::hash::Hash;

use uuid::Uuid;

use super::value::EntityValue;
use crate::event::subject::Token;

/// Types that can be an entity's id.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an entity id",
    label = "is not an id",
    note = "an id is a `Uuid`, an `i64`, an `i32`, a `String`, a `Token`, or a newtype of one of them with `#[derive(EntityValue)]`, `PartialEq`, `Eq` and `Hash`"
)]
pub trait EntityId: EntityValue + Eq + Hash {
    /// For generated code: an id that the caller gave, as it will be read back.
    #[doc(hidden)]
    #[must_use]
    fn given(self) -> Self {
        self.stored()
    }
}

impl EntityId for Uuid {}
impl EntityId for i32 {}
impl EntityId for i64 {}
impl EntityId for String {}
impl EntityId for Token {}

/// Ids that the library makes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an entity id that the library makes",
    label = "is not a `Uuid`",
    note = "the library makes ids of type `Uuid`, and newtypes of it with `#[derive(EntityValue)]`, `PartialEq`, `Eq` and `Hash`",
    note = "an `i64`, `i32`, `String` or `Token` is given by the caller: mark it `#[entity(id, given)]`"
)]
pub trait MadeId: EntityId {
    /// A new id.
    fn make() -> Self;
}

impl MadeId for Uuid {
    fn make() -> Self {
        crate::id::new()
    }
}
