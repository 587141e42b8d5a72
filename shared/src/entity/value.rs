//! How a Rust type is a column: its type in both dialects, how it is bound, how it is read.

use std::fmt;

use super::def::{ColumnType, Shape};
use crate::db::dialect::{PgBind, unreadable};
use crate::db::{Args, Engine, Row};
use crate::error::Result;
use crate::phi::Phi;

/// A type that can be stored in a column.
///
/// | Rust | Postgres | SQLite |
/// |---|---|---|
/// | `Uuid` | `uuid` | 16-byte `BLOB` |
/// | `DateTime<Utc>` | `timestamptz` | `TEXT`, RFC 3339 in UTC with six digits |
/// | `NaiveDate`, `NaiveTime` | `date`, `time` | `TEXT`, ISO 8601 |
/// | `i16`, `i32`, `i64` | `smallint`, `integer`, `bigint` | `INTEGER` |
/// | `bool` | `boolean` | `INTEGER`, 0 or 1 |
/// | `f64` | `double precision` | `REAL` |
/// | `rust_decimal::Decimal` (feature `decimal`) | `numeric` | `TEXT` of all 57 digits, which sorts like the number |
/// | `String`, [`Token`](crate::event::subject::Token) | `text COLLATE "C"` | `TEXT` |
/// | `Vec<u8>` | `bytea` | `BLOB` |
/// | [`Json<T>`](super::Json), `Vec<T>` of the other types ([`Item`](super::Item)) | `jsonb` | `TEXT` |
/// | `#[derive(EntityEnum)]` | `text` with a check | `TEXT` with a check |
/// | `#[derive(EntityValue)] struct X(T)` | as `T` | as `T` |
/// | `Option<T>` | as `T`, nullable | as `T`, nullable |
/// | [`Phi<T>`] | as `T` | as `T` |
///
/// What one of the engines cannot keep is refused on both, so that code that works on one works on the other:
/// a text with U+0000 (Postgres has no such text), `NaN` (SQLite stores NULL for it), years outside of 0 to 9999
/// (their text does not sort), a leap second as a `NaiveTime`. Times are kept in microseconds; what is finer is
/// dropped before the row is written, and the returned entity says what is stored. A `Decimal` loses zeros at its end.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no column type",
    label = "cannot be stored in a column",
    note = "store any type that has serde's traits as `Json<{Self}>`",
    note = "or derive `EntityValue` for a newtype, `EntityEnum` for an enum without fields",
    note = "or keep the field out of the table with `#[entity(skip)]`; it is then filled by `Default`",
    note = "of the numbers, `i16`, `i32`, `i64` and `f64` can be stored"
)]
pub trait EntityValue: Clone + fmt::Debug + Send + Sync + 'static {
    /// The column's type.
    const TYPE: ColumnType;
    /// How many `Option`s there are around the value. A column has one NULL, so more than one is refused.
    const OPTIONS: u8 = 0;
    /// Whether the column may be NULL.
    const NULLABLE: bool = Self::OPTIONS > 0;
    /// Whether the value is protected (`Phi`).
    const PROTECTED: bool = false;
    /// The texts that the column may hold; empty when every value of its type is allowed.
    const ALLOWED: &'static [&'static str] = &[];
    /// All of it in one place.
    const SHAPE: Shape =
        Shape { ty: Self::TYPE, options: Self::OPTIONS, protected: Self::PROTECTED, allowed: Self::ALLOWED };

    /// Adds the value, or NULL, to the arguments of a statement.
    fn bind_option(value: Option<&Self>, args: &mut Args);

    /// Adds a column of values as one array argument. Only Postgres has arrays: elsewhere the statement fails.
    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args);

    /// Reads the value of a column, `None` for NULL.
    ///
    /// # Errors
    /// [`Error::Decode`](crate::Error::Decode): the column holds something else. Never says what.
    fn read_option(row: &Row, index: usize) -> Result<Option<Self>>;

    /// The value as it will be read back: times in whole microseconds.
    #[must_use]
    fn stored(self) -> Self {
        self
    }

    /// Whether the value is stored as NULL.
    fn is_null(&self) -> bool {
        false
    }

    /// Adds the value to the arguments of a statement.
    fn bind(&self, args: &mut Args) {
        Self::bind_option(Some(self), args);
    }

    /// For generated code: adds one column of what is inserted.
    #[doc(hidden)]
    fn bind_to<R>(insert: &mut Insert<'_, R>, column: impl Fn(&R) -> &Self) {
        match insert.rows {
            Rows::One(row) => column(row).bind(insert.args),
            Rows::Arrays(rows) => Self::bind_array(rows.iter().map(|row| Some(column(row))), insert.args),
        }
    }

    /// Reads the value of a column.
    ///
    /// # Errors
    /// [`Error::Decode`](crate::Error::Decode): the column holds something else, or NULL.
    fn read(row: &Row, index: usize) -> Result<Self> {
        Self::read_option(row, index)?.ok_or_else(|| unreadable(index))
    }
}

/// For generated code: what is inserted, and the arguments that it becomes.
#[doc(hidden)]
#[derive(Debug)]
pub struct Insert<'a, R> {
    pub(super) rows: Rows<'a, R>,
    pub(super) args: &'a mut Args,
}

#[derive(Debug)]
pub(super) enum Rows<'a, R> {
    /// A parameter for each column.
    One(&'a R),
    /// An array for each column.
    Arrays(&'a [R]),
}

/// Types whose columns can be compared and sorted, with the same result on both engines: all but [`Json`](super::Json).
#[diagnostic::on_unimplemented(
    message = "a column of `{Self}` cannot be compared or sorted",
    label = "has no order that both engines share",
    note = "every column type but `Json` and lists can be compared"
)]
pub trait Comparable: EntityValue {}

/// Types whose columns are text that can be searched: `String`, `Token`, and `Option`, `Phi` or a newtype of them.
#[diagnostic::on_unimplemented(
    message = "a column of `{Self}` is not text",
    label = "is not text",
    note = "`like`, `starts_with`, `ends_with` and `contains` work on `String`, `Token`, and on `Option`, `Phi` and newtypes of them"
)]
pub trait Searchable: Comparable {}

/// Types whose columns are JSON: [`Json`](super::Json), lists, and `Option`, `Phi` or a newtype of it.
#[diagnostic::on_unimplemented(
    message = "a column of `{Self}` is not JSON",
    label = "is not JSON",
    note = "`contains_json` works on `Json<…>`, on lists, and on `Option`, `Phi` and newtypes of it"
)]
pub trait Document: EntityValue {}

/// Adds an array argument on Postgres. The closure is not called on SQLite.
pub(super) fn bind_pg_array<'q, T: PgBind<'q>>(args: &mut Args, make: impl FnOnce() -> T) {
    if args.engine() == Engine::Sqlite {
        args.fail("an array was bound for SQLite, which has no arrays");
    }
    args.add_split(make, || None::<i64>);
}

impl<T: EntityValue> EntityValue for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const OPTIONS: u8 = T::OPTIONS + 1;
    const PROTECTED: bool = T::PROTECTED;
    const ALLOWED: &'static [&'static str] = T::ALLOWED;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        T::bind_option(value.and_then(Self::as_ref), args);
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        T::bind_array(values.map(|value| value.and_then(Self::as_ref)), args);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        Ok(Some(T::read_option(row, index)?))
    }

    fn stored(self) -> Self {
        self.map(T::stored)
    }

    fn is_null(&self) -> bool {
        self.as_ref().is_none_or(T::is_null)
    }
}
impl<T: Comparable> Comparable for Option<T> {}
impl<T: Searchable> Searchable for Option<T> {}
impl<T: Document> Document for Option<T> {}

impl<T: EntityValue> EntityValue for Phi<T> {
    const TYPE: ColumnType = T::TYPE;
    const OPTIONS: u8 = T::OPTIONS;
    const PROTECTED: bool = true;
    const ALLOWED: &'static [&'static str] = T::ALLOWED;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        T::bind_option(value.map(Self::expose), args);
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        T::bind_array(values.map(|value| value.map(Self::expose)), args);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        Ok(T::read_option(row, index)?.map(Self::new))
    }

    fn stored(self) -> Self {
        self.map(T::stored)
    }

    fn is_null(&self) -> bool {
        self.expose().is_null()
    }
}
impl<T: Comparable> Comparable for Phi<T> {}
impl<T: Searchable> Searchable for Phi<T> {}
impl<T: Document> Document for Phi<T> {}

#[cfg(test)]
mod tests {
    #[cfg(feature = "sqlite")]
    use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

    use super::*;

    #[test]
    fn wrappers_keep_the_shape_of_what_they_wrap() {
        let shape = <Option<Phi<String>> as EntityValue>::SHAPE;
        assert_eq!(shape.ty, ColumnType::Text);
        assert!(shape.is_nullable() && shape.protected);
        assert!(!<Phi<i64> as EntityValue>::SHAPE.is_nullable());
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn what_one_engine_cannot_keep_fails_on_both() {
        fn refused(value: &impl EntityValue) -> String {
            let mut args = Args::new(Engine::Sqlite);
            value.bind(&mut args);
            assert_eq!(args.len(), 1, "the number of arguments must not depend on the value");
            args.failed.map(|error| error.to_string()).unwrap_or_default()
        }
        assert!(refused(&f64::NAN).contains("NaN"));
        assert!(refused(&String::from("a\0b")).contains("U+0000"));
        assert!(refused(&Phi::new(Some(String::from("sentinel\0")))).contains("U+0000"));
        assert!(!refused(&Phi::new(String::from("sentinel\0"))).contains("sentinel"));
        assert!(refused(&NaiveDate::MAX).contains("9999"));
        assert!(refused(&DateTime::<Utc>::MIN_UTC).contains("9999"));
        assert!(refused(&NaiveTime::from_hms_milli_opt(23, 59, 59, 1_500).unwrap()).contains("leap second"));
        assert_eq!(refused(&f64::INFINITY), "");
        assert_eq!(refused(&NaiveDate::from_ymd_opt(9999, 12, 31).unwrap()), "");
    }
}
