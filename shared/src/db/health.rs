//! How the database is doing: for health endpoints and for operators.

use std::time::{Duration, Instant};

use super::executor::Access;
use super::{Db, Pool};
use crate::error::{Error, Result};

/// The longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How the database is doing; see [`Db::health`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// How long the database took to answer; `None` when it did not.
    pub latency: Option<Duration>,
    /// The pool of the primary; on SQLite that of the readers.
    pub pool: PoolUse,
    /// How long the replica took to answer; `None` when there is none or it did not.
    pub replica_latency: Option<Duration>,
    /// The pool of the replica.
    pub replica_pool: Option<PoolUse>,
    /// The version of the library's own tables in the database; `None` when they are not there or cannot be read.
    pub layout: Option<u32>,
    /// The version that this program works with.
    pub expected_layout: u32,
    /// How many of the service's migrations have been applied; `None` when that cannot be read.
    pub migrations: Option<u64>,
}

impl Health {
    /// Whether a service can work with it: the primary answers, and its tables are as new as the program.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.latency.is_some() && self.layout.is_some_and(|layout| layout >= self.expected_layout)
    }
}

/// The connections of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolUse {
    /// Those that are open.
    pub open: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
    /// The most that may be open.
    pub max: u32,
}

impl PoolUse {
    fn of<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> Self {
        // idle ones are counted a moment later than open ones
        let (open, idle) = (pool.size(), u32::try_from(pool.num_idle()).unwrap_or(u32::MAX));
        Self { open, idle: idle.min(open), max: pool.options().get_max_connections() }
    }

    #[cfg(feature = "postgres")]
    fn of_source(source: &super::ready::Source) -> Self {
        let PoolUse { open, idle, max } = Self::of(source.pool());
        let ready = u32::try_from(source.ready()).unwrap_or(u32::MAX);
        Self { open, idle: idle.saturating_add(ready).min(open), max }
    }
}

impl Db {
    /// How the database is doing. It always answers, within some seconds, also when the database does not.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # #[cfg(feature = "sqlite")] {
    /// let db = shared::Db::connect("sqlite::memory:").await?;
    /// let health = db.health().await;
    /// assert!(health.latency.is_some() && health.pool.open == 1);
    /// assert!(!health.is_ready(), "its tables are not there yet");
    /// db.create_tables(&[]).await?;
    /// assert!(db.health().await.is_ready());
    /// # }
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    pub async fn health(&self) -> Health {
        let (pool, replica_pool) = match &self.inner.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres { primary, replica } => {
                (PoolUse::of_source(primary), replica.as_ref().map(PoolUse::of_source))
            }
            #[cfg(feature = "sqlite")]
            Pool::Sqlite { reader, .. } => (PoolUse::of(reader), None),
        };
        let primary = Self { read_only: false, ..self.clone() };
        let latency = primary.latency().await.ok();
        let replica_latency = match replica_pool {
            Some(_) => self.read_only().latency().await.ok(),
            None => None,
        };
        let (layout, migrations) = match latency {
            Some(_) => tokio::time::timeout(ANSWER, primary.schema_state()).await.unwrap_or_default(),
            None => (None, None),
        };
        Health {
            latency,
            pool,
            replica_latency,
            replica_pool,
            layout,
            expected_layout: super::migrate::LAYOUT,
            migrations,
        }
    }

    /// Asks the database whether it is there.
    ///
    /// # Errors
    /// [`Error::Unavailable`], or [`Error::Timeout`] after five seconds.
    pub async fn ping(&self) -> Result<()> {
        self.latency().await.map(|_| ())
    }

    async fn latency(&self) -> Result<Duration> {
        let (executor, asked) = (self.executor(), Instant::now());
        let question = executor.fetch_optional(Access::Read, "SELECT 1", executor.args(), None);
        match tokio::time::timeout(ANSWER, question).await {
            Ok(answer) => answer.map(|_| asked.elapsed()),
            Err(_) => Err(Error::Timeout { what: "the database" }),
        }
    }
}
