//! `Json<T>`: a value of any serde type in one column.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::def::ColumnType;
use super::value::{Document, EntityValue};
use crate::db::{Args, Engine, Row};
use crate::error::Result;

/// A value stored as JSON: `jsonb` on Postgres, text on SQLite.
///
/// It dereferences to the value and looks like it on the wire.
///
/// ```
/// use shared::entity::Json;
///
/// let address = Json(vec!["1 Main Street".to_owned()]);
/// assert_eq!(address.len(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> EntityValue for Json<T>
where
    T: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static,
{
    const TYPE: ColumnType = ColumnType::Json;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        let text = value.map(|value| encode(&value.0, args));
        wire::bind(text, args);
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        let texts = values.map(|value| value.map(|value| encode(&value.0, args))).collect();
        if args.engine() == Engine::Sqlite {
            args.fail("an array was bound for SQLite, which has no arrays");
        }
        wire::bind_array(texts, args);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        // serde's message would quote the value
        wire::read(row, index, |text| serde_json::from_slice(text).ok().map(Self))
    }
}

impl<T> Document for Json<T> where Self: EntityValue {}

fn encode(value: &impl Serialize, args: &mut Args) -> String {
    match serde_json::to_string(value) {
        Ok(text) => {
            if has_nul(&text) {
                args.fail(super::scalar::NUL);
            }
            text
        }
        Err(_) => {
            args.fail("a `Json` value cannot be encoded; check its `Serialize`");
            String::from("null")
        }
    }
}

/// Whether a JSON text has the escape of U+0000 in it, which `jsonb` refuses.
fn has_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        // an even number of backslashes before it are escaped backslashes
        let before = json.as_bytes()[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        before % 2 == 0
    })
}

#[cfg(feature = "postgres")]
mod wire {
    //! `jsonb` in Postgres' binary format: the version byte 1, then the text
    //! (<https://github.com/postgres/postgres/blob/REL_17_0/src/backend/utils/adt/jsonb.c>, `jsonb_recv`).

    use sqlx::encode::IsNull;
    use sqlx::error::BoxDynError;
    use sqlx::postgres::types::Oid;
    use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
    use sqlx::{Decode, Encode, Postgres, Type};

    use crate::db::{Args, Row};
    use crate::error::Result;

    const JSONB: Oid = Oid(3802);
    const JSONB_ARRAY: Oid = Oid(3807);
    const JSON: Oid = Oid(114);

    struct Jsonb(String);
    struct Bytes(Vec<u8>);

    impl Type<Postgres> for Jsonb {
        fn type_info() -> PgTypeInfo {
            PgTypeInfo::with_oid(JSONB)
        }
    }

    impl PgHasArrayType for Jsonb {
        fn array_type_info() -> PgTypeInfo {
            PgTypeInfo::with_oid(JSONB_ARRAY)
        }
    }

    impl Encode<'_, Postgres> for Jsonb {
        fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
            buffer.push(1);
            buffer.extend_from_slice(self.0.as_bytes());
            Ok(IsNull::No)
        }
    }

    impl Type<Postgres> for Bytes {
        fn type_info() -> PgTypeInfo {
            PgTypeInfo::with_oid(JSONB)
        }

        fn compatible(ty: &PgTypeInfo) -> bool {
            matches!(ty.oid(), Some(JSONB | JSON))
        }
    }

    impl<'r> Decode<'r, Postgres> for Bytes {
        fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
            let is_versioned = value.format() == PgValueFormat::Binary && value.as_bytes()?.first() == Some(&1);
            Ok(Self(value.as_bytes()?[usize::from(is_versioned)..].to_vec()))
        }
    }

    pub(super) fn bind(text: Option<String>, args: &mut Args) {
        let (mut postgres, mut sqlite) = (None, None);
        match args.engine() {
            crate::db::Engine::Postgres => postgres = text,
            crate::db::Engine::Sqlite => sqlite = text,
        }
        args.add_split(|| postgres.map(Jsonb), || sqlite);
    }

    pub(super) fn bind_array(texts: Vec<Option<String>>, args: &mut Args) {
        args.add_split(|| texts.into_iter().map(|text| text.map(Jsonb)).collect::<Vec<_>>(), || None::<String>);
    }

    pub(super) fn read<T>(row: &Row, index: usize, decode: impl Fn(&[u8]) -> Option<T>) -> Result<Option<T>> {
        row.get_split(index, |bytes: Bytes| decode(&bytes.0), |text: String| decode(text.as_bytes()))
    }
}

#[cfg(not(feature = "postgres"))]
mod wire {
    use crate::db::{Args, Row};
    use crate::error::Result;

    pub(super) fn bind(text: Option<String>, args: &mut Args) {
        args.add(text);
    }

    pub(super) fn bind_array(_texts: Vec<Option<String>>, args: &mut Args) {
        args.add(None::<String>);
    }

    pub(super) fn read<T>(row: &Row, index: usize, decode: impl Fn(&[u8]) -> Option<T>) -> Result<Option<T>> {
        row.get_split(index, |_: String| None, |text: String| decode(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_escape_of_nul_is_found_and_nothing_else() {
        let json = |text: &str| serde_json::to_string(text).unwrap();
        assert!(has_nul(&json("a\0")));
        assert!(has_nul(&json("\\\0")));
        assert!(!has_nul(&json("\\u0000")));
        assert!(!has_nul(&json("\u{1}")));
    }
}
