//! Where the processes on one database agree on who of them publishes.

#[cfg(feature = "postgres")]
use std::time::Duration;

use crate::db::relay_lease::{self, Beat};
use crate::db::{Db, Location};
use crate::error::Result;

/// The longest wait for the database's answer.
#[cfg(feature = "postgres")]
const ANSWER: Duration = Duration::from_secs(3);

/// A lock, and on a server a lease. See `db::relay_lease`.
pub(crate) trait Seat: Clone + Send + Sync + 'static {
    /// What the holder of the lock has.
    type Lock: Send;

    /// Whether the database is a server: it may take a lock away, and holds it for who is frozen, so a lease joins it.
    fn is_server(&self) -> bool;
    /// Takes the lock; `None` when somebody else has it or the database is away.
    fn lock(&self) -> impl Future<Output = Option<Self::Lock>> + Send;
    /// Whether it is held still.
    fn is_held(&self, lock: &mut Self::Lock) -> impl Future<Output = bool> + Send;
    /// Gives it up at once, so that another process need not wait for the server to notice.
    fn unlock(&self, lock: Self::Lock) -> impl Future<Output = ()> + Send;

    fn take_lease(&self) -> impl Future<Output = Result<i64>> + Send;
    fn take_lease_from(&self, seen: Beat) -> impl Future<Output = Result<Option<i64>>> + Send;
    fn beat(&self) -> impl Future<Output = Result<Beat>> + Send;
    fn renew_lease(&self, epoch: i64) -> impl Future<Output = Result<bool>> + Send;
}

/// The lock of a database.
pub(crate) enum Lock {
    /// Postgres: an advisory lock of a session, or behind PgBouncer of a transaction, which keeps its connection to the
    /// server; the server frees it when the connection ends.
    #[cfg(feature = "postgres")]
    Session(Box<sqlx::PgConnection>),
    /// SQLite: an operating system's lock on a file beside the database, freed when the process ends.
    #[cfg(feature = "sqlite")]
    File(std::fs::File),
    /// A database in memory has one process.
    #[cfg(feature = "sqlite")]
    Only,
}

impl Seat for Db {
    type Lock = Lock;

    fn is_server(&self) -> bool {
        match self.location() {
            #[cfg(feature = "postgres")]
            Location::Server(_) => true,
            #[cfg(feature = "sqlite")]
            Location::File(_) | Location::Memory => false,
        }
    }

    async fn lock(&self) -> Option<Lock> {
        match self.location() {
            #[cfg(feature = "postgres")]
            Location::Server(_) => session(self).await,
            #[cfg(feature = "sqlite")]
            Location::File(path) => file(path),
            #[cfg(feature = "sqlite")]
            Location::Memory => Some(Lock::Only),
        }
    }

    async fn is_held(&self, lock: &mut Lock) -> bool {
        match lock {
            #[cfg(feature = "postgres")]
            Lock::Session(connection) => {
                // not `ping`, which sends nothing but a Sync: PgBouncer might answer that by itself
                let question = sqlx::raw_sql("SELECT 1").execute(&mut **connection);
                matches!(tokio::time::timeout(ANSWER, question).await, Ok(Ok(_)))
            }
            #[cfg(feature = "sqlite")]
            Lock::File(_) | Lock::Only => true,
        }
    }

    async fn unlock(&self, lock: Lock) {
        match lock {
            #[cfg(feature = "postgres")]
            Lock::Session(connection) => {
                use sqlx::Connection as _;
                let _ = tokio::time::timeout(Duration::from_secs(1), connection.close()).await;
            }
            #[cfg(feature = "sqlite")]
            Lock::File(file) => drop(file),
            #[cfg(feature = "sqlite")]
            Lock::Only => {}
        }
    }

    async fn take_lease(&self) -> Result<i64> {
        relay_lease::take(self).await
    }

    async fn take_lease_from(&self, seen: Beat) -> Result<Option<i64>> {
        relay_lease::take_from(self, seen).await
    }

    async fn beat(&self) -> Result<Beat> {
        relay_lease::beat(self).await
    }

    async fn renew_lease(&self, epoch: i64) -> Result<bool> {
        relay_lease::renew(self, epoch).await
    }
}

#[cfg(feature = "postgres")]
async fn session(db: &Db) -> Option<Lock> {
    use sqlx::ConnectOptions as _;
    // a connection of its own: a pool would close it when idle, and with it the lock
    let options = db.postgres_options()?;
    let mut connection = options.connect().await.ok()?;
    let sql = if db.is_behind_pgbouncer() {
        // Between two statements of a READ COMMITTED transaction that writes nothing, no snapshot is held: it keeps
        // nobody from cleaning up.
        sqlx::raw_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY").execute(&mut connection).await.ok()?;
        "SELECT pg_try_advisory_xact_lock(7809917286538508)"
    } else {
        "SELECT pg_try_advisory_lock(7809917286538508)"
    };
    let got: (bool,) = sqlx::query_as(sql).fetch_one(&mut connection).await.ok()?;
    got.0.then(|| Lock::Session(Box::new(connection)))
}

#[cfg(feature = "sqlite")]
fn file(database: &std::path::Path) -> Option<Lock> {
    let mut path = database.as_os_str().to_owned();
    path.push("-relay");
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
    file.try_lock().ok()?;
    Some(Lock::File(file))
}
