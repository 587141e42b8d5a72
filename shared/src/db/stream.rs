//! Reading more rows than memory holds.

#[cfg(feature = "postgres")]
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use futures_util::StreamExt as _;
#[cfg(feature = "postgres")]
use futures_util::TryStreamExt as _;
use futures_util::stream::{self, BoxStream};

use super::Db;
use super::dialect::{Args, ArgsInner, Row, SqlText};
#[cfg(feature = "sqlite")]
use super::dialect::{Engine, RowInner};
use super::executor::Access;
use super::failure::Names;
#[cfg(feature = "sqlite")]
use super::failure::classify;
#[cfg(feature = "sqlite")]
use super::rows;
#[cfg(feature = "postgres")]
use super::tx::Tx;
#[cfg(feature = "postgres")]
use super::tx_options::TxOptions;
use crate::error::Result;

/// How many rows are fetched at once.
#[cfg(feature = "postgres")]
const ROWS: usize = 500;

impl Db {
    /// Rows as they were when the first one was asked for, as fast as they are taken.
    pub(crate) fn stream(
        &self,
        sql: impl Into<SqlText>,
        mut args: Args,
        names: Option<&'static Names>,
    ) -> BoxStream<'static, Result<Row>> {
        if let Some(error) = args.failed.take() {
            return stream::once(async { Err(error) }).boxed();
        }
        let (db, sql) = (self.clone(), sql.into());
        match args.inner {
            #[cfg(feature = "postgres")]
            ArgsInner::Postgres(_) => by_cursor(db, sql, args, names),
            #[cfg(feature = "sqlite")]
            ArgsInner::Sqlite(arguments) => rows::stream(move |sink| async move {
                let mut rows = sqlx::query_with(sql.into_sql(), arguments).fetch(db.sqlite_pool(Access::Read));
                while let Some(found) = rows.next().await {
                    let found = found.map(|row| Row(RowInner::Sqlite(row)));
                    sink.send(found.map_err(|error| classify(error, Engine::Sqlite, names))).await;
                }
            }),
        }
    }
}

/// A cursor of the server's. Without one, a statement whose rows are taken slowly runs into the statement timeout, and
/// one that is given up half-way sends all of its rows nevertheless.
#[cfg(feature = "postgres")]
fn by_cursor(db: Db, sql: SqlText, args: Args, names: Option<&'static Names>) -> BoxStream<'static, Result<Row>> {
    let declared = Declared::new(sql);
    let chunks = stream::try_unfold(Cursor::Closed(Box::new(args)), move |cursor| {
        cursor.next(db.clone(), declared.clone(), names)
    });
    chunks.map_ok(|rows| stream::iter(rows.into_iter().map(Ok))).try_flatten().boxed()
}

#[cfg(feature = "postgres")]
enum Cursor {
    Closed(Box<Args>),
    Open(Tx),
    AtTheEnd,
}

#[cfg(feature = "postgres")]
impl Cursor {
    /// The next rows, and what there is to read after them.
    async fn next(self, db: Db, declared: Declared, names: Option<&'static Names>) -> Result<Option<(Vec<Row>, Self)>> {
        let tx = match self {
            Self::Closed(args) => {
                let tx = Tx::begin_with(&db, TxOptions::new().read_only()).await?;
                tx.executor().fetch_all(Access::Read, declared.open, *args, names).await?;
                tx
            }
            Self::Open(tx) => tx,
            Self::AtTheEnd => return Ok(None),
        };
        let executor = tx.executor();
        let rows = executor.fetch_all(Access::Read, declared.fetch, executor.args(), names).await?;
        if rows.len() == ROWS {
            return Ok(Some((rows, Self::Open(tx))));
        }
        tx.commit().await?;
        Ok(Some((rows, Self::AtTheEnd)))
    }
}

/// The statements of a cursor.
#[cfg(feature = "postgres")]
#[derive(Clone)]
struct Declared {
    open: SqlText,
    fetch: SqlText,
}

#[cfg(feature = "postgres")]
impl Declared {
    /// The cursor is named after its statement, so that the connection can keep both prepared: by its name a statement
    /// that fetches always has the same columns.
    fn new(sql: SqlText) -> Self {
        let mut hash = DefaultHasher::new();
        sql.as_str().hash(&mut hash);
        let name = format!("shared_stream_{:016x}", hash.finish());
        Self {
            open: SqlText::built(format!("DECLARE {name} NO SCROLL CURSOR FOR {}", sql.as_str())),
            fetch: SqlText::built(format!("FETCH FORWARD {ROWS} FROM {name}")),
        }
    }
}
