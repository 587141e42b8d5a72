//! Some columns of an entity, read into a struct of their own.

use super::column::Column;
use crate::db::Row;
use crate::error::Result;

/// A struct of some of the columns of `E`. Derive it; see [`Query::select`](super::Query::select).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a projection of `{E}`",
    label = "is not a projection of `{E}`",
    note = "add `#[derive(Projection)]` and `#[projection(of = {E})]` to it; its fields are columns of `{E}`"
)]
pub trait Projection<E>: Sized + Send + 'static {
    /// For generated code: the columns, in the order in which they are read.
    #[doc(hidden)]
    const COLUMNS: &'static [&'static str];

    /// For generated code: reads a row.
    #[doc(hidden)]
    fn from_row(row: &Row) -> Result<Self>;
}

/// A field of a projection must have its column's type.
#[diagnostic::on_unimplemented(
    message = "a column of `{Column}` cannot be read as `{Self}`",
    label = "the column has the type `{Column}`",
    note = "a projection reads a column as what it is; give the field the type `{Column}`"
)]
pub trait ReadAs<Column> {}

#[diagnostic::do_not_recommend]
impl<T> ReadAs<T> for T {}

impl<E, T, R> Column<E, T, R> {
    /// For generated code: the name of a column that is read as an `F`.
    #[doc(hidden)]
    #[must_use]
    pub const fn read_as<F: ReadAs<T>>(self) -> &'static str {
        self.name
    }
}
