//! Which process publishes the outbox: a lock that dies with its holder.

use std::time::Duration;

use crate::db::{Db, Location};

/// How often a standing-by process asks, and a leader looks after its lock.
const ASK: Duration = Duration::from_millis(500);

/// The right to publish the outbox of a database, held by one process at a time.
pub(crate) enum Leadership {
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

impl Leadership {
    /// Asks for the lock; `None` after a pause when somebody else has it or the database is away.
    pub(crate) async fn acquire(db: &Db) -> Option<Self> {
        let got = match db.location() {
            #[cfg(feature = "postgres")]
            Location::Server(_) => Self::session(db).await,
            #[cfg(feature = "sqlite")]
            Location::File(path) => Self::file(path),
            #[cfg(feature = "sqlite")]
            Location::Memory => Some(Self::Only),
        };
        if got.is_none() {
            tokio::time::sleep(ASK).await;
        }
        got
    }

    #[cfg(feature = "postgres")]
    async fn session(db: &Db) -> Option<Self> {
        use sqlx::ConnectOptions as _;
        // a connection of its own: a pool would close it when idle, and with it the lock
        let options = (*db.postgres()?.connect_options()).clone();
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
        got.0.then(|| Self::Session(Box::new(connection)))
    }

    #[cfg(feature = "sqlite")]
    fn file(database: &std::path::Path) -> Option<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-relay");
        let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
        file.try_lock().ok()?;
        Some(Self::File(file))
    }

    /// Waits until the lock is lost; for ever when it cannot be.
    pub(crate) async fn lost(&mut self) {
        match self {
            #[cfg(feature = "postgres")]
            Self::Session(connection) => {
                loop {
                    tokio::time::sleep(ASK).await;
                    // not `ping`, which sends nothing but a Sync: PgBouncer might answer that by itself
                    let question = sqlx::raw_sql("SELECT 1").execute(&mut **connection);
                    let alive = tokio::time::timeout(Duration::from_secs(3), question).await;
                    if !matches!(alive, Ok(Ok(_))) {
                        return;
                    }
                }
            }
            #[cfg(feature = "sqlite")]
            Self::File(_) | Self::Only => std::future::pending().await,
        }
    }

    /// Gives the lock up at once, so that another process need not wait for the server to notice.
    pub(crate) async fn release(self) {
        match self {
            #[cfg(feature = "postgres")]
            Self::Session(connection) => {
                use sqlx::Connection as _;
                let _ = tokio::time::timeout(Duration::from_secs(1), connection.close()).await;
            }
            #[cfg(feature = "sqlite")]
            Self::File(file) => drop(file),
            #[cfg(feature = "sqlite")]
            Self::Only => {}
        }
    }
}
