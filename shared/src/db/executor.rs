//! Where a statement runs: on a pooled connection or inside a transaction. One code path for both engines.

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};

use super::Db;
use super::dialect::{Args, ArgsInner, Engine, Row, RowInner, SqlText};
use super::failure::{Names, classify};
use super::tx::TxInner;
use crate::error::Result;

/// A pool or a transaction; cheap to clone.
#[derive(Debug, Clone)]
pub enum Executor {
    /// Every statement on a connection of its own.
    Db(Db),
    /// All statements in one transaction.
    Tx(std::sync::Arc<TxInner>),
}

/// Whether a statement writes: SQLite has one writer and many readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Runs something on the pool of either engine, with its arguments and its kind of row.
macro_rules! on_pool {
    ($db:expr, $access:expr, $args:expr, |$arguments:ident, $pool:ident, $row:ident| $run:expr) => {
        match $args.inner {
            #[cfg(feature = "postgres")]
            ArgsInner::Postgres($arguments) => {
                let ($pool, $row) = ($db.postgres_pool(), RowInner::Postgres);
                // Postgres' pool serves readers and writers
                let _ = $access;
                $run
            }
            #[cfg(feature = "sqlite")]
            ArgsInner::Sqlite($arguments) => {
                let ($pool, $row) = ($db.sqlite_pool($access), RowInner::Sqlite);
                $run
            }
        }
    };
}

impl Executor {
    /// The engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.db().engine()
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        match self {
            Self::Db(db) => db,
            Self::Tx(tx) => tx.db(),
        }
    }

    /// New, empty arguments for this engine.
    #[must_use]
    pub fn args(&self) -> Args {
        Args::new(self.engine())
    }

    /// The first row of a result. `write` marks statements that change rows (`INSERT … RETURNING`).
    pub(crate) async fn fetch_optional(
        &self,
        access: Access,
        sql: impl Into<SqlText>,
        args: Args,
        names: Option<&Names>,
    ) -> Result<Option<Row>> {
        let (sql, engine) = (sql.into().into_safe(), self.engine());
        if let Some(error) = args.failed {
            return Err(error);
        }
        match self {
            Self::Db(db) => {
                let result = on_pool!(db, access, args, |arguments, pool, row| {
                    sqlx::query_with(sql, arguments).fetch_optional(pool).await.map(|found| found.map(row).map(Row))
                });
                result.map_err(|error| classify(error, engine, names))
            }
            Self::Tx(tx) => {
                let mut checkout = tx.checkout()?;
                let result = checkout.fetch_optional(sql, args.inner).await;
                checkout.give_back(result.is_ok());
                result.map_err(|error| classify(error, engine, names))
            }
        }
    }

    /// All rows of a result.
    pub(crate) async fn fetch_all(
        &self,
        access: Access,
        sql: impl Into<SqlText>,
        args: Args,
        names: Option<&Names>,
    ) -> Result<Vec<Row>> {
        let (sql, engine) = (sql.into().into_safe(), self.engine());
        if let Some(error) = args.failed {
            return Err(error);
        }
        match self {
            Self::Db(db) => {
                let result = on_pool!(db, access, args, |arguments, pool, row| {
                    sqlx::query_with(sql, arguments)
                        .fetch(pool)
                        .map_ok(|found| Row(row(found)))
                        .try_collect::<Vec<Row>>()
                        .await
                });
                result.map_err(|error| classify(error, engine, names))
            }
            Self::Tx(tx) => {
                let mut checkout = tx.checkout()?;
                let result = checkout.fetch_all(sql, args.inner).await;
                checkout.give_back(result.is_ok());
                result.map_err(|error| classify(error, engine, names))
            }
        }
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(&self, sql: impl Into<SqlText>, args: Args, names: Option<&Names>) -> Result<u64> {
        let (sql, engine) = (sql.into().into_safe(), self.engine());
        if let Some(error) = args.failed {
            return Err(error);
        }
        match self {
            Self::Db(db) => {
                let result = on_pool!(db, Access::Write, args, |arguments, pool, _row| {
                    sqlx::query_with(sql, arguments).execute(pool).await.map(|done| done.rows_affected())
                });
                result.map_err(|error| classify(error, engine, names))
            }
            Self::Tx(tx) => {
                let mut checkout = tx.checkout()?;
                let result = checkout.execute(sql, args.inner).await;
                checkout.give_back(result.is_ok());
                result.map_err(|error| classify(error, engine, names))
            }
        }
    }

    /// Rows one by one, with the server's back-pressure. Inside a transaction all rows are read first: its
    /// connection must be free for the statements that the caller runs between two rows.
    pub(crate) fn stream(
        &self,
        sql: impl Into<SqlText>,
        args: Args,
        names: Option<&'static Names>,
    ) -> BoxStream<'static, Result<Row>> {
        let (sql, engine) = (sql.into(), self.engine());
        if let Some(error) = args.failed {
            return futures_util::stream::once(async { Err(error) }).boxed();
        }
        match self.clone() {
            Self::Db(db) => on_pool!(db, Access::Read, args, |arguments, pool, row| {
                let pool = pool.clone();
                async_rows(move |sender| async move {
                    let mut rows = sqlx::query_with(sql.into_safe(), arguments).fetch(&pool);
                    while let Some(found) = rows.next().await {
                        let found = found.map(|found| Row(row(found))).map_err(|error| classify(error, engine, names));
                        if sender.send(found).await.is_err() {
                            break;
                        }
                    }
                })
            }),
            tx @ Self::Tx(_) => {
                let args = Args { inner: args.inner, failed: None };
                futures_util::stream::once(async move { tx.fetch_all(Access::Read, sql, args, names).await })
                    .map_ok(|rows| futures_util::stream::iter(rows.into_iter().map(Ok)))
                    .try_flatten()
                    .boxed()
            }
        }
    }

    /// Runs statements that take no arguments and may be several in one text: DDL.
    pub(crate) async fn execute_script(&self, sql: impl Into<SqlText>) -> Result<()> {
        let (sql, engine) = (sql.into().into_safe(), self.engine());
        match self {
            Self::Db(db) => {
                let result = on_pool!(db, Access::Write, self.args(), |_arguments, pool, _row| {
                    sqlx::raw_sql(sql).execute(pool).await.map(|_| ())
                });
                result.map_err(|error| classify(error, engine, None))
            }
            Self::Tx(tx) => {
                let mut checkout = tx.checkout()?;
                let result = checkout.script(sql).await;
                checkout.give_back(result.is_ok());
                result.map_err(|error| classify(error, engine, None))
            }
        }
    }
}

/// A stream out of a future that sends: the future runs inside the stream and ends with it.
fn async_rows<F, Fut>(produce: F) -> BoxStream<'static, Result<Row>>
where
    F: FnOnce(tokio::sync::mpsc::Sender<Result<Row>>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(32);
    let mut producer = Box::pin(produce(sender));
    let mut receiver = receiver;
    let mut producing = true;
    futures_util::stream::poll_fn(move |cx| {
        if producing && producer.as_mut().poll(cx).is_ready() {
            producing = false;
        }
        receiver.poll_recv(cx)
    })
    .boxed()
}
