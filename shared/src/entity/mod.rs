//! What is stored: a struct with `#[derive(Entity)]` and its repository.
//!
//! The derive makes, of a struct `Appointment`:
//!
//! - `NewAppointment`, what a caller supplies for a new row: a forgotten field does not compile. Ids that the library
//!   makes, versions and times are not in it.
//! - `AppointmentPatch`, what an update changes: `AppointmentPatch::new().status(Status::Cancelled).notes(None)`.
//! - Typed columns for filters and orders: `Appointment::STARTS_AT`.
//! - For each unique key a filter: `Appointment::by_doctor_id_and_starts_at(doctor_id, starts_at)`.
//! - [`Entity::DEF`]: table, columns and every statement, as constants.
//!
//! [`Repo`] does the rest:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # #[cfg(feature = "sqlite")] {
//! use shared::prelude::*;
//!
//! #[derive(Debug, Clone, Copy, PartialEq, EntityEnum)]
//! enum Status {
//!     Booked,
//!     Cancelled,
//! }
//!
//! #[derive(Debug, Clone, PartialEq, Entity)]
//! #[entity(table = "appointments", unique(doctor_id, starts_at))]
//! struct Appointment {
//!     #[entity(id)]
//!     id: Uuid,
//!     doctor_id: Uuid,
//!     starts_at: DateTime<Utc>,
//!     #[validate(range(min = 5, max = 480))]
//!     duration_minutes: i32,
//!     status: Status,
//!     notes: Option<Phi<String>>,
//!     #[entity(version)]
//!     version: i64,
//! }
//!
//! let db = Db::connect("sqlite::memory:").await?;
//! db.create_tables(&entities![Appointment]).await?;
//! let appointments = db.repo::<Appointment>();
//!
//! let (doctor_id, starts_at) = (id::new(), time::now());
//! let new = NewAppointment { doctor_id, starts_at, duration_minutes: 30, status: Status::Booked, notes: None };
//! let booked = appointments.create(new.clone()).await?;
//! assert!(matches!(appointments.create(new).await, Err(Error::Unique { .. })));
//!
//! let patch = AppointmentPatch::new().status(Status::Cancelled).notes("called in sick");
//! let cancelled = appointments.update(&booked, patch).await?;
//! assert_eq!(cancelled.version, 2);
//! assert!(matches!(appointments.delete(&booked).await, Err(Error::Stale { .. })));
//!
//! let of_doctor = appointments
//!     .query()
//!     .filter(Appointment::DOCTOR_ID.eq(doctor_id) & !Appointment::NOTES.is_null())
//!     .order_by(Appointment::STARTS_AT.asc())
//!     .limit(20)
//!     .all()
//!     .await?;
//! assert_eq!(of_doctor, [cancelled]);
//! # }
//! # Ok::<(), shared::Error>(()) }).unwrap();
//! ```

mod checks;
mod column;
mod containment;
mod cursor;
mod ddl;
#[cfg(feature = "decimal")]
mod decimal;
mod def;
mod emit;
mod filter;
mod id;
mod insert;
mod instant;
mod into_value;
mod json;
mod key;
mod keyset;
mod list;
mod literal;
mod load;
mod lock;
mod newtype;
mod output;
mod page;
mod paging;
mod patch;
mod pattern;
mod projection;
mod query;
mod repo;
pub(crate) mod role;
pub(crate) mod scalar;
mod search;
mod select;
mod statement;
mod streaming;
mod update;
mod upsert;
pub(crate) mod value;
mod work;
mod write;

use std::hash::Hash;

pub(crate) use self::checks::is_check_of;
pub use self::column::{Column, Order};
pub use self::cursor::{Cursor, CursorKey};
pub(crate) use self::ddl::{create_schema, in_order_of_references, primary_key};
pub use self::def::{
    ColumnDef, ColumnType, Condition, EntityDef, Is, KeyDef, OnDelete, ReferenceDef, Roles, Shape, Statements,
};
#[doc(hidden)]
pub use self::emit::Emit;
pub use self::filter::Filter;
pub use self::id::{EntityId, MadeId};
pub use self::into_value::IntoValue;
pub use self::json::Json;
pub use self::key::UniqueKey;
pub use self::list::Item;
pub use self::literal::{Constant, Literal};
pub use self::load::RefersTo;
pub use self::lock::LockedQuery;
pub use self::newtype::Newtype;
pub use self::page::{MAX_PAGE, Page, PageOf};
pub use self::patch::{Assignments, EntityPatch};
pub use self::projection::Projection;
pub use self::query::{DEFAULT_LIMIT, Query};
pub use self::repo::Repo;
pub use self::search::IgnoreAsciiCase;
pub use self::upsert::Upserted;
#[doc(hidden)]
pub use self::value::Insert;
pub use self::value::{Comparable, Document, EntityValue, Searchable};
use crate::db::Row;
use crate::error::{DecodeError, Error, Result};
use crate::validate::{Checker, Validate};

/// A struct that is stored as rows of a table. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    label = "is not an entity",
    note = "add `#[derive(Entity)]` and `#[entity(table = \"…\")]` to it, and mark its id `#[entity(id)]`"
)]
pub trait Entity: Sized + Send + Sync + 'static {
    /// The type of the id.
    type Id: EntityValue + Eq + Hash;
    /// What a caller supplies for a new row.
    type New: NewEntity<Entity = Self>;
    /// What an update changes.
    type Patch: EntityPatch;
    /// Table, columns and statements.
    const DEF: &'static EntityDef;
    /// For generated code: what its writes publish.
    #[doc(hidden)]
    const EMITS: &'static [Emit<Self>] = &[];

    /// The id.
    fn id(&self) -> &Self::Id;

    /// The version, if the entity has one.
    fn version(&self) -> Option<i64> {
        None
    }

    /// Runs the rules of the struct itself: `#[validate(custom = path)]` above it. Those of the fields are run on what
    /// a caller supplies.
    fn check_whole(&self, checker: &mut Checker) {
        let _ = checker;
    }

    /// Runs the rules of the struct itself on the entity as the patch would make it.
    fn check_patched(&self, patch: &Self::Patch, checker: &mut Checker) {
        let _ = (patch, checker);
    }

    /// For generated code: adds the values of all columns, in the order of [`EntityDef::columns`].
    #[doc(hidden)]
    fn bind(insert: &mut Insert<'_, Self>);

    /// For generated code: reads a row, in the order of [`EntityDef::columns`].
    #[doc(hidden)]
    fn from_row(row: &Row) -> Result<Self>;
}

/// What a caller supplies for a new row. Derived along with [`Entity`].
pub trait NewEntity: Validate + Send + Sync + 'static {
    /// The entity.
    type Entity;

    /// The entity as it will be stored: id, version, times and actors are set, times are in whole microseconds.
    ///
    /// # Errors
    /// [`Error::Usage`]: it says who wrote it, and the context has no actor.
    fn into_entity(self) -> Result<Self::Entity>;
}

/// Reads a row; an error names entity and field.
fn read<E: Entity>(row: &Row) -> Result<E> {
    E::from_row(row).map_err(|error| named(error, E::DEF, |index| E::DEF.columns.get(index).map(|def| def.name)))
}

/// The error in terms of the entity: `column` knows the columns of the row.
fn named(error: Error, def: &'static EntityDef, column: impl FnOnce(usize) -> Option<&'static str>) -> Error {
    match error {
        Error::Decode(DecodeError { path, code, .. }) => {
            let index = path.strip_prefix('/').and_then(|index| index.parse::<usize>().ok());
            let field = index.and_then(column).and_then(|column| def.column(column)).map(|column| column.field);
            Error::Decode(DecodeError {
                what: def.name.into(),
                path: field.map_or(path, |field| format!("/{field}")),
                code,
            })
        }
        error => error,
    }
}

/// A count is never negative, whatever type the engine gives it.
fn read_count(row: Option<&Row>, index: usize) -> Result<u64> {
    let count: i64 = row.map_or(Ok(0), |row| row.required(index))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests;
