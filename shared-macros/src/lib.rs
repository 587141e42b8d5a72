//! The macros of `shared`. Use them through that crate: it re-exports them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attribute;
mod diagnostics;
mod entity;
mod event;
mod spans;
mod subject;
mod subscribe;
mod validate;
mod wire;

use proc_macro::TokenStream;

/// Event.
#[proc_macro_derive(Event, attributes(event, validate))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    event::expand_event(input.into()).into()
}

/// Validate.
#[proc_macro_derive(Validate, attributes(validate))]
pub fn derive_validate(input: TokenStream) -> TokenStream {
    validate::expand_validate(input.into()).into()
}

/// Subscribe.
#[proc_macro_attribute]
pub fn subscribe(attribute: TokenStream, item: TokenStream) -> TokenStream {
    subscribe::expand_subscribe(attribute.into(), item.into()).into()
}

/// Makes an entity of a struct: a table, and what `Repo` needs to read and write it.
///
/// ```ignore
/// #[derive(Debug, Clone, PartialEq, Entity)]
/// #[entity(table = "appointments", unique(doctor_id, starts_at), index(patient_id, starts_at))]
/// pub struct Appointment {
///     #[entity(id)]                  pub id: Uuid,
///     #[entity(references(Patient))] pub patient_id: Uuid,
///     pub doctor_id: Uuid,
///     pub starts_at: DateTime<Utc>,
///     #[validate(range(min = 5, max = 480))]
///     pub duration_minutes: i32,
///     pub status: Status,
///     pub notes: Option<Phi<String>>,
///     #[entity(version)]             pub version: i64,
///     #[entity(created_at)]          pub created_at: DateTime<Utc>,
/// }
/// ```
///
/// # What is made of it
///
/// - `NewAppointment`: a struct of the fields that a caller supplies, with their visibility, `Debug`, `Clone` and
///   `Validate`.
/// - `AppointmentPatch`: `AppointmentPatch::new().status(Status::Cancelled).notes(None)`, one method per field that
///   can change.
/// - `Appointment::STARTS_AT` and so on: one typed column per field.
/// - `Appointment::by_doctor_id_and_starts_at(..)`: one filter per unique key.
/// - The impl of `Entity`, with table, columns and every statement as constants.
///
/// # On the struct: `#[entity(..)]`
///
/// | key | meaning |
/// |---|---|
/// | `table = "…"` | the table; required |
/// | `unique(a, b)` | these fields together are unique; with a `deleted_at`, among the rows that are not deleted |
/// | `index(a, b)` | an index on these fields |
/// | `crate = path` | where `shared` is, if it was renamed |
///
/// # On a field: `#[entity(..)]`
///
/// | key | type | meaning |
/// |---|---|---|
/// | `id` | `Uuid` or a newtype of it | the id, made by the library (UUIDv7) |
/// | `id, given` | also `i32`, `i64`, `String` | the id, supplied by the caller |
/// | `version` | `i64` | counts the updates; a lost race is `Error::Stale` |
/// | `created_at`, `updated_at` | `DateTime<Utc>` | set by the library |
/// | `deleted_at` | `Option<DateTime<Utc>>` | rows are marked instead of deleted, and no longer found |
/// | `references(Entity)` | that of the entity's id | a foreign key |
/// | `unique`, `index` | | this field alone |
/// | `rename = "…"` | | the column's name, if it is not the field's |
/// | `skip` | `Default` | not stored |
///
/// `#[validate(..)]` rules are checked before every insert, and for what a patch sets before every update.
///
/// # Limits
///
/// Structs with named fields, without generics. No field may be called `new`.
#[proc_macro_derive(Entity, attributes(entity, validate))]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    entity::expand_entity(input.into()).into()
}

/// Stores an enum without fields as text, with a check constraint on its names.
///
/// A variant is stored in `snake_case`, or as `#[entity(rename = "…")]` says. `as_str()` is that text. The enum can be
/// an ordering key, and a slot of a subject as long as its texts are of letters, digits, `_` and `-`.
///
/// ```ignore
/// #[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
/// pub enum Status {
///     Booked,
///     Cancelled,
///     #[entity(rename = "noshow")]
///     NoShow,
/// }
/// ```
#[proc_macro_derive(EntityEnum, attributes(entity))]
pub fn derive_entity_enum(input: TokenStream) -> TokenStream {
    entity::expand_entity_enum(input.into()).into()
}

/// Stores a struct around one value as that value: typed ids, and texts that are not just any text.
///
/// Converts from and into the inner value. It is an id, an ordering key or a slot of a subject if the inner value is.
///
/// ```ignore
/// #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EntityValue)]
/// pub struct PatientId(Uuid);
/// ```
#[proc_macro_derive(EntityValue, attributes(entity))]
pub fn derive_entity_value(input: TokenStream) -> TokenStream {
    entity::expand_entity_value(input.into()).into()
}
