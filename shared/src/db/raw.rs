//! Values as the engine has them: carried from a row into a later statement without being understood.

use super::dialect::{Args, Engine, Row, RowInner, unreadable};
use crate::entity::ColumnType;
use crate::error::Result;

/// A column's value, `None` for NULL: on Postgres as in its binary protocol; on SQLite a text in UTF-8, a blob as it is,
/// a number as its eight bytes.
pub(crate) type Raw = Option<Vec<u8>>;

impl Row {
    /// Reads a column without understanding it.
    pub(crate) fn raw(&self, index: usize, ty: ColumnType) -> Result<Raw> {
        #[cfg(not(feature = "sqlite"))]
        let _ = ty;
        match &self.0 {
            #[cfg(feature = "postgres")]
            RowInner::Postgres(row) => postgres::read(row, index),
            #[cfg(feature = "sqlite")]
            RowInner::Sqlite(row) => sqlite::read(row, index, ty),
        }
        .ok_or_else(|| unreadable(index))
    }
}

impl Args {
    /// Adds what was read from a column of this type.
    pub(crate) fn add_raw(&mut self, value: &[u8], ty: ColumnType) {
        match self.engine() {
            #[cfg(feature = "postgres")]
            Engine::Postgres => self.add_split(|| postgres::Binary::new(value, ty), || None::<i64>),
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => match ty.sql(Engine::Sqlite) {
                "TEXT" => self.add(String::from_utf8_lossy(value).into_owned()),
                "BLOB" => self.add(value.to_vec()),
                "REAL" => self.add(value.try_into().ok().map(f64::from_le_bytes)),
                _ => self.add(value.try_into().ok().map(i64::from_le_bytes)),
            },
            #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
            _ => unreachable!("arguments are of an engine that is compiled in"),
        }
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use sqlx::encode::IsNull;
    use sqlx::error::BoxDynError;
    use sqlx::postgres::types::Oid;
    use sqlx::postgres::{PgArgumentBuffer, PgRow, PgTypeInfo, PgValueFormat};
    use sqlx::{Encode, Postgres, Row as _, Type, ValueRef as _};

    use super::Raw;
    use crate::entity::ColumnType;

    pub(super) fn read(row: &PgRow, index: usize) -> Option<Raw> {
        let value = row.try_get_raw(index).ok()?;
        if value.is_null() {
            return Some(None);
        }
        // statements with arguments are always answered in binary
        (value.format() == PgValueFormat::Binary).then_some(())?;
        Some(Some(value.as_bytes().ok()?.to_vec()))
    }

    /// A value in the binary protocol's form.
    pub(super) struct Binary<'a> {
        bytes: &'a [u8],
        ty: ColumnType,
    }

    impl<'a> Binary<'a> {
        pub(super) fn new(bytes: &'a [u8], ty: ColumnType) -> Self {
            Self { bytes, ty }
        }
    }

    /// <https://github.com/postgres/postgres/blob/REL_17_0/src/include/catalog/pg_type.dat>
    fn oid(ty: ColumnType) -> Oid {
        Oid(match ty {
            ColumnType::Uuid => 2950,
            ColumnType::Timestamp => 1184,
            ColumnType::Date => 1082,
            ColumnType::Time => 1083,
            ColumnType::SmallInt => 21,
            ColumnType::Integer => 23,
            ColumnType::BigInt => 20,
            ColumnType::Boolean => 16,
            ColumnType::Double => 701,
            ColumnType::Decimal => 1700,
            ColumnType::Text => 25,
            ColumnType::Bytes => 17,
            ColumnType::Json => 3802,
        })
    }

    impl Type<Postgres> for Binary<'_> {
        // never asked: each value says its own
        fn type_info() -> PgTypeInfo {
            PgTypeInfo::with_oid(oid(ColumnType::Bytes))
        }
    }

    impl<'q> Encode<'q, Postgres> for Binary<'_> {
        fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
            buffer.extend_from_slice(self.bytes);
            Ok(IsNull::No)
        }

        fn produces(&self) -> Option<PgTypeInfo> {
            Some(PgTypeInfo::with_oid(oid(self.ty)))
        }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use sqlx::Row as _;
    use sqlx::sqlite::SqliteRow;

    use super::Raw;
    use crate::db::Engine;
    use crate::entity::ColumnType;

    pub(super) fn read(row: &SqliteRow, index: usize, ty: ColumnType) -> Option<Raw> {
        match ty.sql(Engine::Sqlite) {
            "TEXT" => row.try_get::<Option<String>, _>(index).ok().map(|value| value.map(String::into_bytes)),
            "BLOB" => row.try_get::<Option<Vec<u8>>, _>(index).ok(),
            "REAL" => row.try_get::<Option<f64>, _>(index).ok().map(|value| value.map(|n| n.to_le_bytes().to_vec())),
            _ => row.try_get::<Option<i64>, _>(index).ok().map(|value| value.map(|n| n.to_le_bytes().to_vec())),
        }
    }
}
