//! Ids, numbers, texts and bytes as columns.

use uuid::Uuid;

use super::def::ColumnType;
use super::value::{Comparable, EntityValue, Searchable, bind_pg_array};
use crate::db::{Args, Row};
use crate::error::Result;
use crate::event::subject::Token;

macro_rules! native {
    ($($rust:ty => $column:ident),* $(,)?) => {$(
        impl EntityValue for $rust {
            const TYPE: ColumnType = ColumnType::$column;

            fn bind_option(value: Option<&Self>, args: &mut Args) {
                args.add(value.copied());
            }

            fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
                bind_pg_array(args, || values.map(Option::<&Self>::copied).collect::<Vec<_>>());
            }

            fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
                row.get(index)
            }
        }
        impl Comparable for $rust {}
    )*};
}
native!(Uuid => Uuid, i16 => SmallInt, i32 => Integer, i64 => BigInt, bool => Boolean);

/// SQLite stores `NaN` as NULL, so it is refused everywhere.
fn number(value: Option<&f64>, args: &mut Args) -> Option<f64> {
    if value.is_some_and(|value| value.is_nan()) {
        args.fail("a number is `NaN`, which SQLite cannot store; use `Option` for a missing number");
    }
    value.copied()
}

impl EntityValue for f64 {
    const TYPE: ColumnType = ColumnType::Double;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        let value = number(value, args);
        args.add(value);
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        let values: Vec<Option<f64>> = values.map(|value| number(value, args)).collect();
        bind_pg_array(args, || values);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        row.get(index)
    }
}
impl Comparable for f64 {}

/// Binds a text or NULL.
pub(crate) fn bind_text(value: Option<&str>, args: &mut Args) {
    match value {
        Some(text) => args.add_text(text),
        None => args.add(None::<String>),
    }
}

/// Binds texts as one array.
pub(crate) fn bind_texts<'a>(values: impl Iterator<Item = Option<&'a str>>, args: &mut Args) {
    let values: Vec<Option<&str>> = values.collect();
    if values.iter().flatten().any(|text| text.contains('\0')) {
        args.fail(NUL);
    }
    bind_pg_array(args, || values);
}

pub(super) const NUL: &str = "a text contains the character U+0000, which Postgres cannot store; remove it";

impl EntityValue for String {
    const TYPE: ColumnType = ColumnType::Text;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        bind_text(value.map(Self::as_str), args);
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        bind_texts(values.map(|value| value.map(Self::as_str)), args);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        row.get(index)
    }
}
impl Comparable for String {}
impl Searchable for String {}

impl EntityValue for Token {
    const TYPE: ColumnType = ColumnType::Text;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        bind_text(value.map(Self::as_str), args);
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        bind_texts(values.map(|value| value.map(Self::as_str)), args);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        row.text(index, |text| Self::parse(text).ok())
    }
}
impl Comparable for Token {}
impl Searchable for Token {}

impl EntityValue for Vec<u8> {
    const TYPE: ColumnType = ColumnType::Bytes;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        args.add_split(|| value.map(Self::as_slice), || value.cloned());
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        bind_pg_array(args, || values.map(|value| value.map(Self::as_slice)).collect::<Vec<_>>());
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        row.get(index)
    }
}
impl Comparable for Vec<u8> {}
