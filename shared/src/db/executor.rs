//! Where a statement runs: on a pooled connection or inside a transaction. One code path for both engines.

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};

use super::Db;
use super::dialect::{Args, ArgsInner, Engine, Row, RowInner, SqlText};
use super::failure::{Names, classify};
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
        let engine = db.engine();
        match $args {
            #[cfg(feature = "postgres")]
            ArgsInner::Postgres($arguments) => {
                let mut lease =
                    Lease::acquire(db.postgres_pool()).await.map_err(|error| classify(error, engine, $names))?;
                let watch = Watch::start(&$sql, $names, db.slow());
                let $row = RowInner::Postgres;
                let statement = lease.single(db.is_behind_pgbouncer(), async |$connection| $run);
                let ended = limited(db.limit(), statement).await;
                watch.ended();
                if ended.is_none() {
                    lease.kill();
                }
                ended.ok_or(SILENT)?.map_err(|error| classify(error, engine, $names))
            }
            #[cfg(feature = "sqlite")]
            ArgsInner::Sqlite($arguments) => {
                let mut connection =
                    db.sqlite_pool($access).acquire().await.map_err(|error| classify(error, engine, $names))?;
                let watch = Watch::start(&$sql, $names, db.slow());
                let $row = RowInner::Sqlite;
                let $connection = &mut *connection;
                let result = $run;
                watch.ended();
                result.map_err(|error| classify(error, engine, $names))
            }
        }
    }};
}

/// What a statement gets to which the server has not answered.
const SILENT: Error =
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
                result.map_err(|error| classify(error, tx.db().engine(), $names))
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
        let sql = sql.into().into_sql();
        if let Some(error) = args.failed {
            return Err(error);
        }
        match self {
            Self::Db(db) => on_pool!(db, access, sql, names, args.inner, |arguments, connection, row| {
                let rows = sqlx::query_with(sql, arguments)
                    .persistent(self.prepares())
                    .fetch(connection)
                    .map_ok(|found| Row(row(found)));
                rows.try_collect::<Vec<Row>>().await
            }),
            Self::Tx(tx) => on_tx!(tx, access, sql, names, |checkout| checkout.fetch_all(sql, args.inner).await),
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

    /// Rows one by one, with the server's back-pressure. Inside a transaction all rows are read first: its
    /// connection must be free for the statements that the caller runs between two rows.
    pub(crate) fn stream(
        &self,
        sql: impl Into<SqlText>,
        mut args: Args,
        names: Option<&'static Names>,
    ) -> BoxStream<'static, Result<Row>> {
        let (sql, engine) = (sql.into(), self.engine());
        if let Some(error) = args.failed.take() {
            return futures_util::stream::once(async { Err(error) }).boxed();
        }
        match self.clone() {
            Self::Db(db) => async_rows(move |sender| async move {
                let sql = sql.into_sql();
                let translate = |error| classify(error, engine, names);
                match args.inner {
                    #[cfg(feature = "postgres")]
                    ArgsInner::Postgres(arguments) => {
                        let mut lease = match Lease::acquire(db.postgres_pool()).await {
                            Ok(lease) => lease,
                            Err(error) => return drop(sender.send(Err(translate(error))).await),
                        };
                        let prepares = !db.is_behind_pgbouncer();
                        if !prepares && let Err(error) = lease.begin("BEGIN READ ONLY").await {
                            return drop(sender.send(Err(translate(error))).await);
                        }
                        let mut rows = sqlx::query_with(sql, arguments).persistent(prepares).fetch(lease.connection());
                        loop {
                            // the time for one row: a slow reader of the stream is not the server's fault
                            let Some(next) = limited(db.limit(), rows.next()).await else {
                                drop(rows);
                                lease.kill();
                                return drop(sender.send(Err(SILENT)).await);
                            };
                            let Some(found) = next else { return };
                            let found = found.map(|found| Row(RowInner::Postgres(found))).map_err(translate);
                            if sender.send(found).await.is_err() {
                                return;
                            }
                        }
                    }
                    #[cfg(feature = "sqlite")]
                    ArgsInner::Sqlite(arguments) => {
                        let mut rows = sqlx::query_with(sql, arguments).fetch(db.sqlite_pool(Access::Read));
                        while let Some(found) = rows.next().await {
                            let found = found.map(|found| Row(RowInner::Sqlite(found))).map_err(translate);
                            if sender.send(found).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            }),
            tx @ Self::Tx(_) => {
                futures_util::stream::once(async move { tx.fetch_all(Access::Read, sql, args, names).await })
                    .map_ok(|rows| futures_util::stream::iter(rows.into_iter().map(Ok)))
                    .try_flatten()
                    .boxed()
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
