//! Where a statement runs: on a pooled connection or inside a transaction. One code path for both engines.

use futures_util::TryStreamExt as _;

use super::Db;
use super::dialect::{Args, ArgsInner, Engine, Row, RowInner, SqlText};
use super::failure::Names;
#[cfg(feature = "postgres")]
use super::lease::Lease;
use super::lease::limited;
use super::tx::TxInner;
use super::watch::Watch;
use crate::error::{Error, Result};
use crate::event::Draft;

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

/// Runs something on a connection of either engine's pool, with its arguments and its kind of row, and translates its
/// error. A server that does not answer in time loses the connection.
macro_rules! on_pool {
    ($db:expr, $access:expr, $sql:expr, $names:expr, $args:expr, |$arguments:ident, $connection:ident, $row:ident| $run:expr) => {{
        let db = $db;
        db.allows($access)?;
        match $args {
            #[cfg(feature = "postgres")]
            ArgsInner::Postgres($arguments) => {
                let mut lease = Lease::<sqlx::Postgres>::acquire(db.postgres_source())
                    .await
                    .map_err(|error| db.classify(error, $names))?;
                let watch = Watch::start(&$sql, $names, db.slow());
                let $row = RowInner::Postgres;
                let statement = lease.single(db.is_behind_pgbouncer(), async |$connection| $run);
                let ended = limited(db.limit(), statement).await;
                watch.ended();
                if ended.is_none() {
                    lease.kill();
                }
                ended.ok_or(SILENT)?.map_err(|error| db.classify(error, $names))
            }
            #[cfg(feature = "sqlite")]
            ArgsInner::Sqlite($arguments) => {
                let mut connection =
                    db.sqlite_pool($access).acquire().await.map_err(|error| db.classify(error, $names))?;
                let watch = Watch::start(&$sql, $names, db.slow());
                let $row = RowInner::Sqlite;
                let $connection = &mut *connection;
                let result = $run;
                watch.ended();
                result.map_err(|error| db.classify(error, $names))
            }
        }
    }};
}

/// What a statement gets to which the server has not answered.
pub(super) const SILENT: Error =
    Error::Timeout { what: "the statement (the database did not answer, so its connection was closed)" };

/// Runs something on a transaction's connection.
macro_rules! on_tx {
    ($tx:expr, $access:expr, $sql:expr, $names:expr, |$checkout:ident| $run:expr) => {{
        let tx = $tx;
        let mut checkout = tx.checkout($access)?;
        let watch = Watch::start(&$sql, $names, tx.db().slow());
        let ended = limited(tx.db().limit(), async {
            let $checkout = &mut checkout;
            $run
        })
        .await;
        watch.ended();
        match ended {
            Some(result) => {
                checkout.give_back(result.is_ok());
                result.map_err(|error| tx.db().classify(error, $names))
            }
            None => {
                checkout.kill();
                Err(SILENT)
            }
        }
    }};
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

    /// Whether statements stay prepared: behind PgBouncer the next one may meet another connection of the server.
    fn prepares(&self) -> bool {
        !self.db().is_behind_pgbouncer()
    }

    /// Whether a connection that is busy would keep every other statement waiting.
    pub(crate) fn has_one_connection(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Db(db) => *db.location() == super::Location::Memory,
            #[cfg(not(feature = "sqlite"))]
            Self::Db(_) => false,
            Self::Tx(_) => true,
        }
    }

    /// Publishes in the transaction that this is.
    pub(crate) fn publish(&self, drafts: Vec<Draft>) -> Result<()> {
        match self {
            Self::Tx(tx) => tx.publish(drafts),
            Self::Db(_) => Err(Error::Usage("events are published in a transaction".into())),
        }
    }

    /// From here on the transaction that this is can only be rolled back.
    pub(crate) fn fail(&self) {
        if let Self::Tx(tx) = self {
            tx.fail();
        }
    }

    /// The first row of a result. `write` marks statements that change rows (`INSERT … RETURNING`).
    pub(crate) async fn fetch_optional(
        &self,
        access: Access,
        sql: impl Into<SqlText>,
        args: Args,
        names: Option<&Names>,
    ) -> Result<Option<Row>> {
        let sql = sql.into().into_sql();
        if let Some(error) = args.failed {
            return Err(error);
        }
        match self {
            Self::Db(db) => on_pool!(db, access, sql, names, args.inner, |arguments, connection, row| {
                let found =
                    sqlx::query_with(sql, arguments).persistent(self.prepares()).fetch_optional(connection).await;
                found.map(|found| found.map(row).map(Row))
            }),
            Self::Tx(tx) => on_tx!(tx, access, sql, names, |checkout| checkout.fetch_optional(sql, args.inner).await),
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
        let mut rows = Vec::new();
        self.for_each(access, sql, args, names, |row| rows.push(row)).await?;
        Ok(rows)
    }

    /// Does something quick with each row of a result.
    pub(crate) async fn for_each(
        &self,
        access: Access,
        sql: impl Into<SqlText>,
        args: Args,
        names: Option<&Names>,
        mut with: impl FnMut(Row) + Send,
    ) -> Result<()> {
        let sql = sql.into().into_sql();
        if let Some(error) = args.failed {
            return Err(error);
        }
        match self {
            Self::Db(db) => on_pool!(db, access, sql, names, args.inner, |arguments, connection, row| {
                let mut rows = sqlx::query_with(sql, arguments).persistent(self.prepares()).fetch(connection);
                loop {
                    match rows.try_next().await {
                        Ok(Some(found)) => with(Row(row(found))),
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                }
            }),
            Self::Tx(tx) => {
                on_tx!(tx, access, sql, names, |checkout| checkout.for_each(sql, args.inner, &mut with).await)
            }
        }
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(&self, sql: impl Into<SqlText>, args: Args, names: Option<&Names>) -> Result<u64> {
        let sql = sql.into().into_sql();
        if let Some(error) = args.failed {
            return Err(error);
        }
        match self {
            Self::Db(db) => on_pool!(db, Access::Write, sql, names, args.inner, |arguments, connection, _row| {
                let done = sqlx::query_with(sql, arguments).persistent(self.prepares()).execute(connection).await;
                done.map(|done| done.rows_affected())
            }),
            Self::Tx(tx) => on_tx!(tx, Access::Write, sql, names, |checkout| checkout.execute(sql, args.inner).await),
        }
    }

    /// What a write of an entity's rows has come to. SQLite does not say which foreign key refused it: that is looked up,
    /// with the write as `again` makes it once more.
    #[cfg_attr(not(feature = "sqlite"), allow(clippy::unused_async))] // Postgres says it
    pub(crate) async fn explained<T>(
        &self,
        result: Result<T>,
        names: &Names,
        again: impl FnOnce() -> (SqlText, Args),
    ) -> Result<T> {
        match result {
            #[cfg(feature = "sqlite")]
            Err(Error::ForeignKey { entity, fields }) if fields.is_empty() && self.engine() == Engine::Sqlite => {
                let (sql, args) = again();
                let write = super::broken_key::Write { names, sql, args };
                // boxed: no write that succeeds shall carry the room for it
                let found = match self {
                    Self::Db(db) => Box::pin(super::tx::broken_key(db, write)).await,
                    Self::Tx(tx) => Box::pin(tx.broken_key(write)).await,
                };
                Err(match found {
                    Some(found) => super::failure::foreign_key(found, Some(names), self.db().known()),
                    // somebody else has mended it meanwhile, or a trigger has broken it
                    None => Error::ForeignKey { entity, fields },
                })
            }
            result => {
                #[cfg(not(feature = "sqlite"))]
                let _ = (names, again);
                result
            }
        }
    }

    /// Runs statements that take no arguments and may be several in one text: DDL.
    pub(crate) async fn execute_script(&self, sql: impl Into<SqlText>) -> Result<()> {
        let sql = sql.into().into_sql();
        match self {
            Self::Db(db) => {
                on_pool!(db, Access::Write, sql, None, self.args().inner, |_arguments, connection, _row| {
                    sqlx::raw_sql(sql).execute(connection).await.map(|_| ())
                })
            }
            // savepoints too
            Self::Tx(tx) => on_tx!(tx, Access::Read, sql, None, |checkout| checkout.script(sql).await),
        }
    }
}
