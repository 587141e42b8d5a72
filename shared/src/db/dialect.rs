//! The two SQL dialects behind one set of types. No function here is generic over an entity.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

#[cfg(feature = "postgres")]
use sqlx::postgres::{PgArguments, PgRow};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::identity::{Identify, Identity};
use crate::error::{DecodeCode, DecodeError, Error, Result};

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// SQLite, embedded.
    Sqlite,
}

impl Engine {
    /// `postgres` or `sqlite`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One statement in both dialects, complete at compile time. Parameters are `$1`, `$2`, … on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sql {
    /// For PostgreSQL.
    pub postgres: &'static str,
    /// For SQLite.
    pub sqlite: &'static str,
}

impl Sql {
    /// A statement that reads the same on both engines.
    #[must_use]
    pub const fn same(text: &'static str) -> Self {
        Self { postgres: text, sqlite: text }
    }

    /// The text for one engine.
    #[must_use]
    pub const fn text(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Postgres => self.postgres,
            Engine::Sqlite => self.sqlite,
        }
    }
}

/// The text of a statement: a constant, or built by this library from constants.
///
/// It cannot be made from a string outside of this crate, so no SQL text comes from a caller.
#[derive(Debug, Clone)]
pub struct SqlText(SqlStr);

impl SqlText {
    pub(crate) fn built(text: impl Into<Arc<str>>) -> Self {
        // audited: what this crate joins out of constants of its own and of its derives
        Self(AssertSqlSafe(text.into()).into_sql_str())
    }

    pub(crate) fn into_sql(self) -> SqlStr {
        self.0
    }
}

impl From<&'static str> for SqlText {
    fn from(text: &'static str) -> Self {
        Self(text.into_sql_str())
    }
}

#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod bounds {
    use sqlx::{Decode, Encode, Postgres, Sqlite, Type};

    /// What both engines can bind.
    pub trait Bind<'q>: Encode<'q, Postgres> + Type<Postgres> + Encode<'q, Sqlite> + Type<Sqlite> {}
    impl<'q, T: Encode<'q, Postgres> + Type<Postgres> + Encode<'q, Sqlite> + Type<Sqlite>> Bind<'q> for T {}

    /// What both engines can read.
    pub trait Read: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}
    impl<T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>> Read for T {}
}

#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
mod bounds {
    use sqlx::{Decode, Encode, Postgres, Type};

    /// What the engine can bind.
    pub trait Bind<'q>: Encode<'q, Postgres> + Type<Postgres> {}
    impl<'q, T: Encode<'q, Postgres> + Type<Postgres>> Bind<'q> for T {}

    /// What the engine can read.
    pub trait Read: for<'r> Decode<'r, Postgres> + Type<Postgres> {}
    impl<T: for<'r> Decode<'r, Postgres> + Type<Postgres>> Read for T {}
}

#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
mod bounds {
    use sqlx::{Decode, Encode, Sqlite, Type};

    /// What the engine can bind.
    pub trait Bind<'q>: Encode<'q, Sqlite> + Type<Sqlite> {}
    impl<'q, T: Encode<'q, Sqlite> + Type<Sqlite>> Bind<'q> for T {}

    /// What the engine can read.
    pub trait Read: for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}
    impl<T: for<'r> Decode<'r, Sqlite> + Type<Sqlite>> Read for T {}
}

pub(crate) use bounds::{Bind, Read};

#[cfg(feature = "postgres")]
mod pg_bounds {
    use sqlx::{Decode, Encode, Postgres, Type};

    /// What Postgres can bind.
    pub trait PgBind<'q>: Encode<'q, Postgres> + Type<Postgres> {}
    impl<'q, T: Encode<'q, Postgres> + Type<Postgres>> PgBind<'q> for T {}
    /// What Postgres can read.
    pub trait PgRead: for<'r> Decode<'r, Postgres> + Type<Postgres> {}
    impl<T: for<'r> Decode<'r, Postgres> + Type<Postgres>> PgRead for T {}
}
#[cfg(not(feature = "postgres"))]
mod pg_bounds {
    /// Anything: the engine is not compiled in.
    pub trait PgBind<'q> {}
    impl<T> PgBind<'_> for T {}
    /// Anything: the engine is not compiled in.
    pub trait PgRead {}
    impl<T> PgRead for T {}
}
#[cfg(feature = "sqlite")]
mod sqlite_bounds {
    use sqlx::{Decode, Encode, Sqlite, Type};

    /// What SQLite can bind.
    pub trait SqliteBind<'q>: Encode<'q, Sqlite> + Type<Sqlite> {}
    impl<'q, T: Encode<'q, Sqlite> + Type<Sqlite>> SqliteBind<'q> for T {}
    /// What SQLite can read.
    pub trait SqliteRead: for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}
    impl<T: for<'r> Decode<'r, Sqlite> + Type<Sqlite>> SqliteRead for T {}
}
#[cfg(not(feature = "sqlite"))]
mod sqlite_bounds {
    /// Anything: the engine is not compiled in.
    pub trait SqliteBind<'q> {}
    impl<T> SqliteBind<'_> for T {}
    /// Anything: the engine is not compiled in.
    pub trait SqliteRead {}
    impl<T> SqliteRead for T {}
}
pub(crate) use pg_bounds::{PgBind, PgRead};
pub(crate) use sqlite_bounds::{SqliteBind, SqliteRead};

/// The arguments of one statement, in order. A value that cannot be encoded makes the statement fail when it
/// is run, so binding itself never fails.
pub struct Args {
    pub(crate) inner: ArgsInner,
    pub(crate) failed: Option<Error>,
    /// Where values go when they are no arguments, but the identity of a query.
    identity: Option<Identity>,
}

pub(crate) enum ArgsInner {
    #[cfg(feature = "postgres")]
    Postgres(PgArguments),
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteArguments),
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Args({})", self.len())
    }
}

impl Args {
    /// No arguments yet.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        let inner = match engine {
            #[cfg(feature = "postgres")]
            Engine::Postgres => ArgsInner::Postgres(PgArguments::default()),
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => ArgsInner::Sqlite(SqliteArguments::default()),
            #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
            _ => unreachable!("a `Db` of an engine that is not compiled in cannot be made"),
        };
        Self { inner, failed: None, identity: None }
    }

    /// Takes values down as bytes that are the same for the same values, instead of binding them. The dialect is
    /// SQLite's, whatever engines there are.
    pub(crate) fn identity() -> Self {
        let engine = if cfg!(feature = "sqlite") { Engine::Sqlite } else { Engine::Postgres };
        Self { identity: Some(Identity::default()), ..Self::new(engine) }
    }

    /// The bytes, if they were taken down.
    pub(crate) fn into_identity(self) -> Vec<u8> {
        self.identity.unwrap_or_default().into_bytes()
    }

    /// The engine these arguments are for.
    #[must_use]
    pub fn engine(&self) -> Engine {
        if self.identity.is_some() {
            return Engine::Sqlite;
        }
        match &self.inner {
            #[cfg(feature = "postgres")]
            ArgsInner::Postgres(_) => Engine::Postgres,
            #[cfg(feature = "sqlite")]
            ArgsInner::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.inner {
            #[cfg(feature = "postgres")]
            ArgsInner::Postgres(args) => args.len(),
            #[cfg(feature = "sqlite")]
            ArgsInner::Sqlite(args) => args.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a value that both engines bind alike.
    pub(crate) fn add<'q, T: Bind<'q> + Identify>(&mut self, value: T) {
        if let Some(identity) = &mut self.identity {
            return identity.add(&value);
        }
        let result = match &mut self.inner {
            #[cfg(feature = "postgres")]
            ArgsInner::Postgres(args) => args.add(value),
            #[cfg(feature = "sqlite")]
            ArgsInner::Sqlite(args) => args.add(value),
        };
        self.note(result.is_err());
    }

    /// Adds a value that the engines bind differently.
    pub(crate) fn add_split<'q, P: PgBind<'q>, S: SqliteBind<'q> + Identify>(
        &mut self,
        postgres: impl FnOnce() -> P,
        sqlite: impl FnOnce() -> S,
    ) {
        if let Some(identity) = &mut self.identity {
            return identity.add(&sqlite());
        }
        let result = match &mut self.inner {
            #[cfg(feature = "postgres")]
            ArgsInner::Postgres(args) => args.add(postgres()),
            #[cfg(feature = "sqlite")]
            ArgsInner::Sqlite(args) => args.add(sqlite()),
        };
        #[cfg(not(feature = "postgres"))]
        let _ = postgres;
        #[cfg(not(feature = "sqlite"))]
        let _ = sqlite;
        self.note(result.is_err());
    }

    /// Adds a text. U+0000 is refused on both engines: Postgres has no such text.
    pub(crate) fn add_text(&mut self, text: &str) {
        if text.contains('\0') {
            self.fail("a text contains the character U+0000, which Postgres cannot store; remove it");
        }
        // SQLite's arguments own their data, this one in one piece; Postgres' are copied into a buffer
        self.add_split(|| text, || Arc::<str>::from(text));
    }

    /// Makes the statement fail when it is run.
    pub(crate) fn fail(&mut self, why: &'static str) {
        self.failed.get_or_insert(Error::Usage(Cow::Borrowed(why)));
    }

    fn note(&mut self, failed: bool) {
        if failed {
            self.fail("a value cannot be encoded for the database");
        }
    }
}

/// One row of a result.
pub struct Row(pub(crate) RowInner);

pub(crate) enum RowInner {
    #[cfg(feature = "postgres")]
    Postgres(PgRow),
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteRow),
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Row(‹protected›)")
    }
}

impl Row {
    /// The engine this row comes from.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match &self.0 {
            #[cfg(feature = "postgres")]
            RowInner::Postgres(_) => Engine::Postgres,
            #[cfg(feature = "sqlite")]
            RowInner::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// Reads a column that both engines decode alike; `None` for NULL.
    pub(crate) fn get<T: Read>(&self, index: usize) -> Result<Option<T>> {
        use sqlx::Row as _;
        match &self.0 {
            #[cfg(feature = "postgres")]
            RowInner::Postgres(row) => row.try_get(index),
            #[cfg(feature = "sqlite")]
            RowInner::Sqlite(row) => row.try_get(index),
        }
        .map_err(|_| unreadable(index))
    }

    /// Reads a column that the engines decode differently; `None` for NULL.
    pub(crate) fn get_split<P: PgRead, S: SqliteRead, T>(
        &self,
        index: usize,
        postgres: impl FnOnce(P) -> Option<T>,
        sqlite: impl FnOnce(S) -> Option<T>,
    ) -> Result<Option<T>> {
        use sqlx::Row as _;
        #[cfg(not(feature = "postgres"))]
        let _ = postgres;
        #[cfg(not(feature = "sqlite"))]
        let _ = sqlite;
        match &self.0 {
            #[cfg(feature = "postgres")]
            RowInner::Postgres(row) => match row.try_get::<Option<P>, _>(index) {
                Ok(None) => Ok(None),
                Ok(Some(value)) => postgres(value).map(Some).ok_or_else(|| unreadable(index)),
                Err(_) => Err(unreadable(index)),
            },
            #[cfg(feature = "sqlite")]
            RowInner::Sqlite(row) => match row.try_get::<Option<S>, _>(index) {
                Ok(None) => Ok(None),
                Ok(Some(value)) => sqlite(value).map(Some).ok_or_else(|| unreadable(index)),
                Err(_) => Err(unreadable(index)),
            },
        }
    }

    /// Reads a text without copying it; `None` for NULL.
    pub(crate) fn text<T>(&self, index: usize, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
        use sqlx::Row as _;
        let text: Option<&str> = match &self.0 {
            #[cfg(feature = "postgres")]
            RowInner::Postgres(row) => row.try_get(index),
            #[cfg(feature = "sqlite")]
            RowInner::Sqlite(row) => row.try_get(index),
        }
        .map_err(|_| unreadable(index))?;
        text.map(|text| read(text).ok_or_else(|| unreadable(index))).transpose()
    }

    /// Reads a column that SQLite has as a text; `None` for NULL.
    pub(crate) fn get_or_text<P: PgRead>(
        &self,
        index: usize,
        read: impl FnOnce(&str) -> Option<P>,
    ) -> Result<Option<P>> {
        #[cfg(not(feature = "sqlite"))]
        let _ = read;
        match &self.0 {
            #[cfg(feature = "postgres")]
            RowInner::Postgres(row) => {
                use sqlx::Row as _;
                row.try_get(index).map_err(|_| unreadable(index))
            }
            #[cfg(feature = "sqlite")]
            RowInner::Sqlite(_) => self.text(index, read),
        }
    }

    /// Reads a column that is never NULL.
    pub(crate) fn required<T: Read>(&self, index: usize) -> Result<T> {
        self.get(index)?.ok_or_else(|| unreadable(index))
    }
}

/// A column whose value does not fit. sqlx's message would quote it.
pub(crate) fn unreadable(index: usize) -> Error {
    Error::Decode(DecodeError { what: "row".into(), path: format!("/{index}"), code: DecodeCode::Column })
}
