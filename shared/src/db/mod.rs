//! Where it is stored: Postgres, or SQLite embedded, behind one handle.

#[cfg(feature = "sqlite")]
mod broken_key;
#[cfg(feature = "postgres")]
pub(crate) mod claim;
mod connect;
pub mod dead_letter;
pub(crate) mod dialect;
pub(crate) mod executor;
pub(crate) mod failure;
pub(crate) mod fence;
mod health;
mod identity;
pub mod inbox;
mod key;
mod known;
mod lease;
pub(crate) mod ledger;
pub mod migrate;
pub mod outbox;
mod proof;
pub(crate) mod raw;
#[cfg(feature = "postgres")]
mod ready;
pub(crate) mod relay_lease;
mod rows;
pub(crate) mod schedule;
mod schema;
mod stream;
mod tx;
mod tx_options;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

pub use self::connect::DbOptions;
pub use self::dead_letter::{DeadLetter, DeadLetters, LetterFilter};
pub use self::dialect::{Args, Engine, Row, Sql, SqlText};
use self::executor::Access;
pub use self::executor::Executor;
pub use self::failure::Names;
pub use self::health::{Health, PoolUse};
pub use self::inbox::Inbox;
use self::known::Known;
pub use self::migrate::{MigrationFile, Migrations};
pub use self::outbox::Outbox;
#[doc(hidden)]
pub use self::proof::compare_migrations;
pub use self::schema::{Difference, Mend, Part, plan};
pub use self::tx::Tx;
pub(crate) use self::tx_options::lost;
pub use self::tx_options::{Isolation, TxOptions};
use crate::config::Config;
use crate::context::Context;
use crate::entity::{CursorKey, EntityDef};
use crate::error::{Error, Result};
use crate::event::{Draft, Outgoing, Shape, Shapes};

/// A handle on the database, cheap to clone.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # #[cfg(feature = "sqlite")] {
/// let db = shared::Db::connect("sqlite::memory:").await?;
/// db.ping().await?;
/// # }
/// # Ok::<(), shared::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
    source: Arc<str>,
    shapes: Shapes,
    read_only: bool,
}

struct Inner {
    pool: Pool,
    nudge: Notify,
    /// Whether an event was scheduled since the relay last asked.
    scheduled: AtomicBool,
    max_payload: usize,
    location: Location,
    /// The longest wait for an answer of the server's.
    limit: Option<Duration>,
    /// From how long on a statement counts as slow.
    slow: Duration,
    pgbouncer: bool,
    cursor_key: OnceLock<CursorKey>,
    known: Known,
}

enum Pool {
    #[cfg(feature = "postgres")]
    Postgres { primary: ready::Source, replica: Option<ready::Source> },
    #[cfg(feature = "sqlite")]
    Sqlite { writer: sqlx::SqlitePool, reader: sqlx::SqlitePool },
}

/// Where the database lives, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    #[cfg(feature = "postgres")]
    Server(String),
    #[cfg(feature = "sqlite")]
    File(std::path::PathBuf),
    #[cfg(feature = "sqlite")]
    Memory,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("at", &self.inner.location).field("source", &self.source).finish()
    }
}

impl Db {
    /// Connects to `postgres://user:password@host/database`, `sqlite://file.db` or `sqlite::memory:`.
    ///
    /// A missing SQLite file is created. Connections are opened in time for the first statement; one is
    /// opened here, to find a wrong URL early.
    ///
    /// # Errors
    /// [`Error::Config`] naming `DATABASE_URL`, what was tried and what to do; no secret is printed.
    pub async fn connect(url: &str) -> Result<Self> {
        DbOptions::new(url).connect().await
    }

    /// Connects as the environment says: `DATABASE_URL`, or without it `sqlite://shared.db`.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub async fn from_env() -> Result<Self> {
        let config = Config::from_env()?;
        DbOptions::from_config(&config).connect().await
    }

    fn new(inner: Inner, source: &str, shapes: Shapes) -> Self {
        Self { inner: Arc::new(inner), source: source.into(), shapes, read_only: false }
    }

    /// The same database, publishing as another service (`ce-source`).
    #[must_use]
    pub fn with_source(&self, source: &str) -> Self {
        Self { source: source.into(), ..self.clone() }
    }

    /// The same database, writing events on these subjects in another shape; see
    /// [`Bus::with_shape`](crate::Bus::with_shape). What a transaction publishes keeps the shape that it was
    /// published with.
    ///
    /// # Errors
    /// [`Error::Usage`]: it is no pattern.
    pub fn with_shape(&self, pattern: &str, shape: Shape) -> Result<Self> {
        Ok(self.with_shapes(self.shapes.clone().with(pattern, shape)?))
    }

    pub(crate) fn with_shapes(&self, shapes: Shapes) -> Self {
        Self { shapes, ..self.clone() }
    }

    /// Gives a draft its id, its headers and its shape.
    pub(crate) fn seal(&self, draft: Draft, context: &Context) -> Result<Outgoing> {
        self.seal_for(crate::time::now(), draft, context)
    }

    /// The same for an event that happens at another time than now.
    fn seal_for(&self, time: DateTime<Utc>, draft: Draft, context: &Context) -> Result<Outgoing> {
        let shape = self.shapes.of(&draft.subject);
        draft.seal_for(time, context, &self.source, shape, self.inner.max_payload)
    }

    /// The name under which this handle publishes.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match &self.inner.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres { .. } => Engine::Postgres,
            #[cfg(feature = "sqlite")]
            Pool::Sqlite { .. } => Engine::Sqlite,
        }
    }

    pub(crate) fn location(&self) -> &Location {
        &self.inner.location
    }

    pub(super) fn limit(&self) -> Option<Duration> {
        self.inner.limit
    }

    pub(super) fn slow(&self) -> Duration {
        self.inner.slow
    }

    /// Whether connections pass a PgBouncer that gives a server's connection to each transaction anew.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // SQLite has none
    pub(crate) fn is_behind_pgbouncer(&self) -> bool {
        self.inner.pgbouncer
    }

    /// The same database for reading: from the replica, if there is one (`DATABASE_REPLICA_URL`); on SQLite by
    /// connections that do not wait for the one that writes. Writing through it is [`Error::Usage`].
    ///
    /// A replica lags behind: what was written a moment ago may not be there yet. Who reads what they have just
    /// written reads it through the `Db` itself, or in the transaction. A transaction of this handle is read-only and
    /// stays on one connection, so all its statements are answered by the same server.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # #[cfg(feature = "sqlite")] {
    /// # use shared::db::{Isolation, TxOptions};
    /// # let db = shared::Db::connect("sqlite::memory:").await?;
    /// let reports = db.read_only();
    /// let one_view = TxOptions::new().isolation(Isolation::RepeatableRead);
    /// reports.transaction_with(one_view, async |_tx| Ok(())).await?;
    /// # }
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn read_only(&self) -> Self {
        Self { read_only: true, ..self.clone() }
    }

    /// Whether this handle is for reading.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub(super) fn allows(&self, access: Access) -> Result<()> {
        match access {
            Access::Write if self.read_only => Err(Error::Usage(failure::READ_ONLY.into())),
            _ => Ok(()),
        }
    }

    /// From now on, errors about the tables of these entities name them, whoever's statement it was.
    pub(crate) fn learn(&self, entities: &[&'static EntityDef]) {
        self.inner.known.learn(entities);
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn known(&self) -> &Known {
        &self.inner.known
    }

    /// Says an error of sqlx in this library's terms, and in those of the entities that are known.
    fn classify(&self, error: sqlx::Error, names: Option<&Names>) -> Error {
        failure::classify_among(error, self.engine(), names, &self.inner.known)
    }

    /// The key of page cursors, once it is known.
    fn known_cursor_key(&self) -> &OnceLock<CursorKey> {
        &self.inner.cursor_key
    }

    pub(crate) fn max_payload(&self) -> usize {
        self.inner.max_payload
    }

    /// The repository of an entity; every statement on a connection of its own.
    #[must_use]
    pub fn repo<E: crate::entity::Entity>(&self) -> crate::entity::Repo<E> {
        crate::entity::Repo::new(self.executor())
    }

    pub(crate) fn executor(&self) -> Executor {
        Executor::Db(self.clone())
    }

    /// Runs a closure in a transaction: commits when it returns `Ok`, rolls back when it returns an error,
    /// panics or is dropped.
    ///
    /// On SQLite one transaction writes at a time; a second one waits for its turn.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # #[cfg(feature = "sqlite")] {
    /// # let db = shared::Db::connect("sqlite::memory:").await?;
    /// let answer = db.transaction(async |_tx| Ok(42)).await?;
    /// assert_eq!(answer, 42);
    /// # }
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// The closure's error, or that of begin or commit. After [`Error::Unavailable`] or [`Error::Timeout`] of
    /// the commit itself the outcome is unknown.
    pub async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut Tx) -> Result<T>,
    {
        let mut tx = Tx::begin(self).await?;
        let result = work(&mut tx).await;
        tx.end(result).await
    }

    /// [`transaction`](Self::transaction) with an isolation level, read-only, or run again when it loses against
    /// another one.
    ///
    /// With [`TxOptions::retry`] the closure runs as a whole each time, on a clone of what it has captured, so what it
    /// does outside of the database happens again. Hooks for after the commit are those of the last run.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # #[cfg(feature = "sqlite")] {
    /// use shared::db::{Isolation, TxOptions};
    ///
    /// # let db = shared::Db::connect("sqlite::memory:").await?;
    /// let serializable = TxOptions::new().isolation(Isolation::Serializable).retry(5);
    /// let answer = db.transaction_with(serializable, async |_tx| Ok(42)).await?;
    /// assert_eq!(answer, 42);
    /// # }
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`transaction`](Self::transaction), of the last run; [`Error::Usage`] for a write in a read-only one.
    pub async fn transaction_with<T, F>(&self, options: TxOptions, work: F) -> Result<T>
    where
        // not `AsyncFnMut`: rustc cannot prove that its futures may be sent to another thread
        F: AsyncFnOnce(&mut Tx) -> Result<T> + Clone,
    {
        let mut runs = 0;
        loop {
            runs += 1;
            let result = match Tx::begin_with(self, options).await {
                Ok(mut tx) => {
                    let result = work.clone()(&mut tx).await;
                    tx.end(result).await
                }
                Err(error) => Err(error),
            };
            match result {
                Ok(value) => return Ok(value),
                Err(error) => match options.pause(&error, runs) {
                    Some(pause) => {
                        tracing::debug!(error = error.report(), runs, "the transaction lost; running it again");
                        tokio::time::sleep(pause).await;
                    }
                    None => return Err(error),
                },
            }
        }
    }

    /// The events that wait to be published, and those that were.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        Outbox::new(self.clone())
    }

    /// What was handled.
    #[must_use]
    pub fn inbox(&self) -> Inbox {
        Inbox::new(self.clone())
    }

    /// What could not be handled.
    #[must_use]
    pub fn dead_letters(&self) -> DeadLetters {
        DeadLetters::new(self.clone())
    }

    /// Wakes the relay: there are events to publish.
    pub(crate) fn nudge(&self) {
        self.inner.nudge.notify_one();
    }

    /// Wakes the relay: an event was scheduled, and may be the next one.
    fn nudge_schedule(&self) {
        self.inner.scheduled.store(true, Ordering::Release);
        self.nudge();
    }

    /// Whether an event was scheduled in this process since the last time that this was asked.
    pub(crate) fn take_scheduled(&self) -> bool {
        self.inner.scheduled.swap(false, Ordering::AcqRel)
    }

    /// Waits for the next nudge; one that came since the last wait counts.
    pub(crate) async fn nudged(&self) {
        self.inner.nudge.notified().await;
    }

    /// Closes all connections after the statements under way.
    pub async fn close(&self) {
        match &self.inner.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres { primary, replica } => {
                if let Some(replica) = replica {
                    replica.close().await;
                }
                primary.close().await;
            }
            #[cfg(feature = "sqlite")]
            Pool::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
        }
    }

    /// sqlx's pool, if this is Postgres: the way out for what this library does not offer.
    ///
    /// Connections that this library has just used are usually kept for its next statement, which saves a round trip.
    /// From the first call on, this handle and its clones give them back to the pool each time, so that nobody waits
    /// there for one. A handle of another `connect` has a pool of its own.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn postgres(&self) -> Option<&sqlx::PgPool> {
        match &self.inner.pool {
            Pool::Postgres { .. } => Some(self.postgres_source().bypass()),
            #[cfg(feature = "sqlite")]
            Pool::Sqlite { .. } => None,
        }
    }

    /// sqlx's pool of readers, if this is SQLite: the way out for what this library does not offer.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn sqlite(&self) -> Option<&sqlx::SqlitePool> {
        match &self.inner.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres { .. } => None,
            Pool::Sqlite { reader, .. } => Some(reader),
        }
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn postgres_options(&self) -> Option<sqlx::postgres::PgConnectOptions> {
        match &self.inner.pool {
            Pool::Postgres { .. } => Some((*self.postgres_source().pool().connect_options()).clone()),
            #[cfg(feature = "sqlite")]
            Pool::Sqlite { .. } => None,
        }
    }

    #[cfg(feature = "postgres")]
    fn postgres_source(&self) -> &ready::Source {
        match &self.inner.pool {
            Pool::Postgres { replica: Some(replica), .. } if self.read_only => replica,
            Pool::Postgres { primary, .. } => primary,
            #[cfg(feature = "sqlite")]
            Pool::Sqlite { .. } => unreachable!("arguments and transactions are made for the engine of their `Db`"),
        }
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn sqlite_pool(&self, access: Access) -> &sqlx::SqlitePool {
        match &self.inner.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres { .. } => unreachable!("arguments and transactions are made for the engine of their `Db`"),
            Pool::Sqlite { writer, reader } => match access {
                Access::Read => reader,
                Access::Write => writer,
            },
        }
    }
}
