//! The types that columns with a meaning of their own must have.

use chrono::{DateTime, Utc};

use uuid::Uuid;

use super::def::{ColumnDef, ColumnType, EntityDef, Shape};
use super::newtype::Newtype;
use super::value::EntityValue;
use crate::context::Context;
use crate::db::Args;
use crate::error::{Error, Result};

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

/// What a `#[entity(created_by)]` and a `#[entity(updated_by)]` can be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be who wrote a row",
    label = "is not an actor's id",
    note = "`created_by` and `updated_by` are set by the library, from the context's actor: an `Option` of a `String`, a `Uuid` or a newtype of one of them, or one of these itself, if there always is an actor"
)]
pub trait WrittenBy: EntityValue {
    /// The column's value for this actor; `None` when there must be one, or another one.
    fn by(actor: Option<&str>) -> Option<Self>;

    /// The column's value for the actor of the current context.
    ///
    /// # Errors
    /// [`Error::Usage`]: there is no actor, or none that the column can hold.
    fn current(entity: &str, field: &str) -> Result<Self> {
        Context::with_current(|context| {
            let actor = context.and_then(Context::actor_id).map(|id| id.as_str());
            Self::by(actor)
                .ok_or_else(|| Error::Usage(format!("`{entity}`: `{field}` {}", why(actor.is_some())).into()))
        })
    }
}

fn why(there_is_one: bool) -> &'static str {
    if there_is_one {
        "is a `Uuid`, and the actor of the context is none"
    } else {
        "says who writes the row, but the context has no actor\nhelp: run it inside `Context::new().actor(…).scope(…)`, or make the field an `Option`"
    }
}

impl WrittenBy for String {
    fn by(actor: Option<&str>) -> Option<Self> {
        actor.map(str::to_owned)
    }
}

impl WrittenBy for Uuid {
    fn by(actor: Option<&str>) -> Option<Self> {
        actor?.parse().ok()
    }
}

impl<T: WrittenBy> WrittenBy for Option<T> {
    fn by(actor: Option<&str>) -> Option<Self> {
        match actor {
            Some(_) => T::by(actor).map(Some),
            None => Some(None),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<N: Newtype> WrittenBy for N
where
    N::Inner: WrittenBy,
{
    fn by(actor: Option<&str>) -> Option<Self> {
        N::Inner::by(actor).map(N::wrap)
    }
}

/// Binds who writes, for the column `updated_by` of an entity.
pub(super) fn bind_actor(def: &EntityDef, column: &'static str, args: &mut Args) {
    let Some(column) = def.column(column) else { return };
    let Shape { ty, options, .. } = column.shape;
    match (ty, options > 0) {
        (ColumnType::Uuid, true) => bind_as::<Option<Uuid>>(def, column, args),
        (ColumnType::Uuid, false) => bind_as::<Uuid>(def, column, args),
        (_, true) => bind_as::<Option<String>>(def, column, args),
        (_, false) => bind_as::<String>(def, column, args),
    }
}

fn bind_as<T: WrittenBy>(def: &EntityDef, column: &ColumnDef, args: &mut Args) {
    match T::current(def.name, column.field) {
        Ok(actor) => actor.bind(args),
        Err(error) => {
            T::bind_option(None, args);
            args.failed.get_or_insert(error);
        }
    }
}
