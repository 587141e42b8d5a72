//! Where it is stored: Postgres, or SQLite embedded, behind one handle.

mod connect;
pub mod dead_letter;
pub(crate) mod dialect;
pub(crate) mod executor;
pub(crate) mod failure;
pub mod inbox;
pub mod migrate;
pub mod outbox;
mod tx;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

pub use self::connect::DbOptions;
pub use self::dead_letter::{DeadLetter, DeadLetters};
pub use self::dialect::{Args, Engine, Row, Sql, SqlText};
use self::executor::Access;
pub use self::executor::Executor;
pub use self::failure::Names;
pub use self::inbox::Inbox;
pub use self::outbox::Outbox;
pub use self::tx::Tx;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::{Shape, Shapes};

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
}

struct Inner {
    pool: Pool,
    nudge: Notify,
    max_payload: usize,
    location: Location,
}

enum Pool {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
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

    fn new(pool: Pool, max_payload: usize, source: &str, location: Location) -> Self {
        let inner = Inner { pool, nudge: Notify::new(), max_payload, location };
        Self { inner: Arc::new(inner), source: source.into(), shapes: Shapes::new() }
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

    pub(crate) fn shapes(&self) -> &Shapes {
        &self.shapes
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
            Pool::Postgres(_) => Engine::Postgres,
            #[cfg(feature = "sqlite")]
            Pool::Sqlite { .. } => Engine::Sqlite,
        }
    }

    pub(crate) fn location(&self) -> &Location {
        &self.inner.location
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
        match work(&mut tx).await {
            Ok(value) => {
                tx.commit().await?;
                Ok(value)
            }
            Err(error) => {
                if let Err(undo) = tx.rollback().await {
                    tracing::warn!(
                        error = undo.report(),
                        "rollback failed; the server rolls back when the connection closes"
                    );
                }
                Err(error)
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

    /// Asks the database whether it is there.
    ///
    /// # Errors
    /// [`Error::Unavailable`], or [`Error::Timeout`] after five seconds.
    pub async fn ping(&self) -> Result<()> {
        let executor = self.executor();
        let question = executor.fetch_optional(Access::Read, "SELECT 1", executor.args(), None);
        match tokio::time::timeout(Duration::from_secs(5), question).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => Err(Error::Timeout { what: "the database" }),
        }
    }

    /// Wakes the relay: there are events to publish.
    pub(crate) fn nudge(&self) {
        self.inner.nudge.notify_one();
    }

    /// Waits for the next nudge; one that came since the last wait counts.
    pub(crate) async fn nudged(&self) {
        self.inner.nudge.notified().await;
    }

    /// Closes all connections after the statements under way.
    pub async fn close(&self) {
        match &self.inner.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => pool.close().await,
            #[cfg(feature = "sqlite")]
            Pool::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
        }
    }

    /// sqlx's pool, if this is Postgres: the way out for what this library does not offer.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn postgres(&self) -> Option<&sqlx::PgPool> {
        match &self.inner.pool {
            Pool::Postgres(pool) => Some(pool),
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
            Pool::Postgres(_) => None,
            Pool::Sqlite { reader, .. } => Some(reader),
        }
    }

    #[cfg(feature = "postgres")]
    pub(super) fn postgres_pool(&self) -> &sqlx::PgPool {
        match &self.inner.pool {
            Pool::Postgres(pool) => pool,
            #[cfg(feature = "sqlite")]
            Pool::Sqlite { .. } => unreachable!("arguments and transactions are made for the engine of their `Db`"),
        }
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn sqlite_pool(&self, access: Access) -> &sqlx::SqlitePool {
        match &self.inner.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(_) => unreachable!("arguments and transactions are made for the engine of their `Db`"),
            Pool::Sqlite { writer, reader } => match access {
                Access::Read => reader,
                Access::Write => writer,
            },
        }
    }
}
