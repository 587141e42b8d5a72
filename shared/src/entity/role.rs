//! The types that columns with a meaning of their own must have.

use chrono::{DateTime, Utc};

use super::value::EntityValue;

/// What a `#[entity(version)]` can be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the version of an entity",
    label = "must be `i64`",
    note = "the version counts the updates of a row: `#[entity(version)] version: i64`"
)]
pub trait Version: EntityValue {
    /// The version of a new row.
    const FIRST: Self;
    /// The number.
    fn number(&self) -> Option<i64>;
}

impl Version for i64 {
    const FIRST: Self = 1;

    fn number(&self) -> Option<i64> {
        Some(*self)
    }
}

/// What a `#[entity(created_at)]` and a `#[entity(updated_at)]` can be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the time at which a row was written",
    label = "must be `DateTime<Utc>`",
    note = "`created_at` and `updated_at` are set by the library: `DateTime<Utc>`"
)]
pub trait WrittenAt: EntityValue {
    /// The column's value at this time.
    fn at(now: DateTime<Utc>) -> Self;
}

impl WrittenAt for DateTime<Utc> {
    fn at(now: DateTime<Utc>) -> Self {
        now
    }
}

/// What a `#[entity(deleted_at)]` can be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the time at which a row was deleted",
    label = "must be `Option<DateTime<Utc>>`",
    note = "`deleted_at` is NULL until the row is deleted: `#[entity(deleted_at)] deleted_at: Option<DateTime<Utc>>`"
)]
pub trait DeletedAt: EntityValue {
    /// The value of a row that is not deleted.
    const NOT_DELETED: Self;
}

impl DeletedAt for Option<DateTime<Utc>> {
    const NOT_DELETED: Self = None;
}
