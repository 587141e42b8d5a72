//! Pools of SQLite: one writer, several readers.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqlitePool};
use tokio::time::Instant;

use super::DbOptions;
use crate::db::{Db, Location, Pool};
use crate::error::{Error, Result};

/// Between two tries to open a file that is busy.
const AGAIN: Duration = Duration::from_millis(20);

/// Rows that SQLite's thread reads ahead: each time it waits for the reader costs a switch of threads.
const ROWS: usize = 256;

impl DbOptions {
    pub(super) async fn connect_sqlite(self) -> Result<Db> {
        #[cfg(feature = "postgres")]
        if let Some(replica) = &self.replica {
            return Err(replica.error("SQLite has no replicas".into(), "unset the variable"));
        }
        let memory = self.url.text.contains(":memory:") || self.url.text.contains("mode=memory");
        let options: SqliteConnectOptions = self.url.text.parse().map_err(|_| {
            self.url.error(
                "it is not a SQLite URL".into(),
                "use `sqlite://file.db` (or `sqlite:///absolute/file.db`), or `sqlite::memory:`",
            )
        })?;
        // sqlx' own log of statements would also show those that a service writes by hand, with what is in them
        let options = options
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(self.acquire_timeout)
            .row_buffer_size(ROWS)
            .disable_statement_logging();
        let location = if memory { Location::Memory } else { Location::File(options.get_filename().to_owned()) };
        // FULL: a commit survives a power cut, as it does on Postgres
        let options = if memory {
            options
        } else {
            options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
        };
        let one = SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(1)
            .acquire_timeout(self.acquire_timeout)
            .test_before_acquire(false);
        let (writer, reader) = if memory {
            // the database lives as long as its only connection
            let only = one.idle_timeout(None).max_lifetime(None).connect_with(options).await;
            let only = only.map_err(|error| self.unopened(error))?;
            (only.clone(), only)
        } else {
            let writer = self.open(&one, &options).await?;
            let reader = SqlitePoolOptions::new()
                .max_connections(self.max_connections.clamp(1, 8))
                .idle_timeout(self.idle_timeout)
                .max_lifetime(self.max_lifetime)
                .acquire_timeout(self.acquire_timeout)
                .test_before_acquire(false)
                .connect_lazy_with(options.create_if_missing(false));
            (writer, reader)
        };
        Ok(self.db(Pool::Sqlite { writer, reader }, location, None))
    }

    /// Opens a file. Of several programs that turn on its write-ahead log at once, all but one are told that it is
    /// busy, and at once: SQLite does not wait for that (<https://www.sqlite.org/wal.html>).
    async fn open(&self, pool: &SqlitePoolOptions, options: &SqliteConnectOptions) -> Result<SqlitePool> {
        let until = Instant::now() + self.acquire_timeout;
        loop {
            match pool.clone().connect_with(options.clone()).await {
                Err(error) if code(&error) == "5" && Instant::now() < until => tokio::time::sleep(AGAIN).await,
                opened => return opened.map_err(|error| self.unopened(error)),
            }
        }
    }

    fn unopened(&self, error: sqlx::Error) -> Error {
        match code(&error).as_str() {
            "14" => self.url.error(
                "the file cannot be opened or created".into(),
                "check that its folder exists and can be written",
            ),
            "26" => self.url.error("the file is not a SQLite database".into(), "point the variable to another file"),
            "8" => self.url.error("the file is read-only".into(), "allow this user to write it"),
            "5" => self.url.error("the file is locked by another program".into(), "stop the other program"),
            _ => self.url.error("the file cannot be opened".into(), "check path and permissions"),
        }
    }
}

/// SQLite's result code.
fn code(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.code().unwrap_or_default().into_owned(),
        _ => String::new(),
    }
}
