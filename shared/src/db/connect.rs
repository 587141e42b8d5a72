//! From a URL to a pool, with errors that say what to do.

use std::time::Duration;

#[cfg(feature = "sqlite")]
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Db, Location, Pool};
use crate::config::{Config, redact};
use crate::error::{ConfigError, Error, Result};
use crate::event::Shapes;

/// How to connect.
#[derive(Debug, Clone)]
pub struct DbOptions {
    url: Url,
    max_connections: u32,
    acquire_timeout: Duration,
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // SQLite has none
    statement_timeout: Duration,
    max_payload: usize,
    source: String,
    shapes: Shapes,
}

/// A URL that may hold a password: not printed.
#[derive(Clone)]
struct Url(String);

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl DbOptions {
    /// The defaults for a URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = Config::embedded();
        Self { url: Url(url.to_owned()), ..Self::from_config(&config) }
    }

    /// As a configuration says.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        Self {
            url: Url(config.database_url.clone()),
            max_connections: config.database_max_connections,
            acquire_timeout: config.database_acquire_timeout,
            statement_timeout: config.database_statement_timeout,
            max_payload: config.max_payload,
            source: config.service.clone(),
            shapes: config.event_shapes.clone(),
        }
    }

    /// The most connections the pool opens.
    #[must_use]
    pub fn max_connections(mut self, max: u32) -> Self {
        self.max_connections = max.max(1);
        self
    }

    /// How long a caller waits for a free connection before [`Error::Busy`].
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// See [`Db::connect`].
    pub async fn connect(self) -> Result<Db> {
        match self.url.0.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => self.connect_postgres().await,
            Some("sqlite") => self.connect_sqlite().await,
            _ => Err(self.error(
                "it has no scheme that is known".into(),
                "use `postgres://user:password@host:5432/database`, or `sqlite://file.db` for an embedded database",
            )),
        }
    }

    fn error(&self, problem: String, help: &str) -> Error {
        Error::Config(ConfigError {
            variable: "DATABASE_URL".into(),
            problem: format!("{problem} (tried {})", redact(&self.url.0)),
            help: help.to_owned(),
        })
    }

    #[cfg(not(feature = "postgres"))]
    async fn connect_postgres(self) -> Result<Db> {
        Err(self.error("this program was built without Postgres".into(), "build `shared` with its feature `postgres`"))
    }

    #[cfg(not(feature = "sqlite"))]
    async fn connect_sqlite(self) -> Result<Db> {
        Err(self.error("this program was built without SQLite".into(), "build `shared` with its feature `sqlite`"))
    }

    #[cfg(feature = "postgres")]
    async fn connect_postgres(self) -> Result<Db> {
        use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

        let options: PgConnectOptions = self.url.0.parse().map_err(|_| {
            self.error(
                "it is not a Postgres URL".into(),
                "use `postgres://user:password@host:5432/database`; percent-encode special characters of the password",
            )
        })?;
        let timeout = format!("{}", self.statement_timeout.as_millis());
        let options = options
            .application_name(&self.source)
            .options([("statement_timeout", timeout.as_str()), ("timezone", "UTC")]);
        let location = Location::Server(format!(
            "{}:{}/{}",
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or(options.get_username())
        ));
        let pool = PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(self.acquire_timeout)
            .connect_lazy_with(options);
        let first = tokio::time::timeout(Duration::from_secs(10), self.first_connection(&pool)).await;
        match first {
            Ok(Ok(())) => {
                let db = Db::new(Pool::Postgres(pool), self.max_payload, &self.source, location);
                Ok(db.with_shapes(self.shapes))
            }
            Ok(Err(error)) => Err(self.postgres_error(error)),
            Err(_) => Err(self.error(
                "the server does not answer within 10 s".into(),
                "check host and port, and whether a firewall drops the connection",
            )),
        }
    }

    /// Opens a connection outside of the pool's retries, which would hide the reason behind a timeout.
    #[cfg(feature = "postgres")]
    async fn first_connection(&self, pool: &sqlx::PgPool) -> sqlx::Result<()> {
        use sqlx::{ConnectOptions as _, Connection as _};
        let connection = (*pool.connect_options()).clone().connect().await?;
        connection.close().await
    }

    #[cfg(feature = "postgres")]
    fn postgres_error(&self, error: sqlx::Error) -> Error {
        match error {
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default().into_owned();
                match code.as_str() {
                    "28P01" | "28000" => self.error(
                        "the server refused the user or the password".into(),
                        "check user and password in the URL; percent-encode special characters",
                    ),
                    "3D000" => self.error(
                        "the database does not exist".into(),
                        "create it with `createdb`, or correct the URL's last part",
                    ),
                    "53300" => self.error(
                        "the server has no free connection".into(),
                        "close other clients, or raise the server's `max_connections`",
                    ),
                    _ => self.error(
                        format!("the server refused the connection (SQLSTATE {code})"),
                        "look the code up in the server's log",
                    ),
                }
            }
            sqlx::Error::Io(error) => self.error(
                format!("the server cannot be reached ({})", error.kind()),
                "start the server, or correct host and port; unset the variable to run embedded on SQLite",
            ),
            sqlx::Error::Tls(_) => self.error(
                "the TLS handshake failed".into(),
                "check the server's certificate, or set `?sslmode=` in the URL",
            ),
            _ => self.error(
                "the server did not answer as Postgres does".into(),
                "check that host and port are those of a Postgres server",
            ),
        }
    }

    #[cfg(feature = "sqlite")]
    async fn connect_sqlite(self) -> Result<Db> {
        let memory = self.url.0.contains(":memory:") || self.url.0.contains("mode=memory");
        let options: SqliteConnectOptions = self.url.0.parse().map_err(|_| {
            self.error(
                "it is not a SQLite URL".into(),
                "use `sqlite://file.db` (or `sqlite:///absolute/file.db`), or `sqlite::memory:`",
            )
        })?;
        let options = options.create_if_missing(true).foreign_keys(true).busy_timeout(self.acquire_timeout);
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
            let only = only.map_err(|error| self.sqlite_error(error))?;
            (only.clone(), only)
        } else {
            let writer = one.connect_with(options.clone()).await.map_err(|error| self.sqlite_error(error))?;
            let reader = SqlitePoolOptions::new()
                .max_connections(self.max_connections.clamp(1, 8))
                .acquire_timeout(self.acquire_timeout)
                .test_before_acquire(false)
                .connect_lazy_with(options.create_if_missing(false));
            (writer, reader)
        };
        let db = Db::new(Pool::Sqlite { writer, reader }, self.max_payload, &self.source, location);
        Ok(db.with_shapes(self.shapes))
    }

    #[cfg(feature = "sqlite")]
    fn sqlite_error(&self, error: sqlx::Error) -> Error {
        let code = match &error {
            sqlx::Error::Database(error) => error.code().unwrap_or_default().into_owned(),
            _ => String::new(),
        };
        match code.as_str() {
            "14" => self.error(
                "the file cannot be opened or created".into(),
                "check that its folder exists and can be written",
            ),
            "26" => self.error("the file is not a SQLite database".into(), "point the variable to another file"),
            "8" => self.error("the file is read-only".into(), "allow this user to write it"),
            "5" => self.error("the file is locked by another program".into(), "stop the other program"),
            _ => self.error("the file cannot be opened".into(), "check path and permissions"),
        }
    }
}
