//! From a URL to a pool, with errors that say what to do.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::sync::OnceLock;
use std::time::Duration;

use super::{Db, Inner, Location, Pool};
use crate::config::{Config, Profile, redact};
use crate::entity::CursorKey;
use crate::error::{ConfigError, Error, Result};
use crate::event::Shapes;

/// How long the server has for its answer after its own deadline for a statement has passed.
#[cfg(feature = "postgres")]
const GRACE: Duration = Duration::from_secs(2);

/// How to connect. Each setting has a variable of the environment; see [`Config`].
#[derive(Debug, Clone)]
pub struct DbOptions {
    url: Url,
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // SQLite has none
    replica: Option<Url>,
    max_connections: u32,
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // SQLite's are opened at once
    min_connections: u32,
    idle_timeout: Duration,
    max_lifetime: Duration,
    acquire_timeout: Duration,
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // SQLite has none
    statement_timeout: Duration,
    slow_statement: Duration,
    pgbouncer: bool,
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // SQLite has no password and no network
    profile: Profile,
    max_payload: usize,
    source: String,
    shapes: Shapes,
    cursor_key: Option<CursorKey>,
}

/// A URL that may hold a password: not printed.
#[derive(Clone)]
struct Url {
    variable: &'static str,
    text: String,
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&redact(&self.text))
    }
}

impl Url {
    fn scheme(&self) -> &str {
        self.text.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    fn error(&self, problem: String, help: &str) -> Error {
        Error::Config(ConfigError {
            variable: self.variable.into(),
            problem: format!("{problem} (tried {})", redact(&self.text)),
            help: help.to_owned(),
        })
    }
}

fn primary(url: &str) -> Url {
    Url { variable: "DATABASE_URL", text: url.to_owned() }
}

fn replica(url: &str) -> Url {
    Url { variable: "DATABASE_REPLICA_URL", text: url.to_owned() }
}

impl DbOptions {
    /// The defaults for a URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = Config::embedded();
        Self { url: primary(url), ..Self::from_config(&config) }
    }

    /// As a configuration says.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        Self {
            url: primary(&config.database_url),
            replica: config.database_replica_url.as_deref().map(replica),
            max_connections: config.database_max_connections,
            min_connections: config.database_min_connections,
            idle_timeout: config.database_idle_timeout,
            max_lifetime: config.database_max_lifetime,
            acquire_timeout: config.database_acquire_timeout,
            statement_timeout: config.database_statement_timeout,
            slow_statement: config.database_slow_statement,
            pgbouncer: config.database_pgbouncer,
            profile: config.profile,
            max_payload: config.max_payload,
            source: config.service.clone(),
            shapes: config.event_shapes.clone(),
            cursor_key: config.cursor_key.clone(),
        }
    }

    /// The most connections the pool opens.
    #[must_use]
    pub fn max_connections(mut self, max: u32) -> Self {
        self.max_connections = max.max(1);
        self
    }

    /// How many connections the pool keeps open when nobody uses them (Postgres).
    #[must_use]
    pub fn min_connections(mut self, min: u32) -> Self {
        self.min_connections = min;
        self
    }

    /// How long a connection that nobody uses stays open.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How old a connection becomes before another one takes its place: so that a pool spreads over servers that were
    /// added later, and memory that a server keeps for it is freed.
    #[must_use]
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// How long a caller waits for a free connection before [`Error::Busy`].
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// How long a statement may take on Postgres before [`Error::Timeout`]; zero for no limit. The server ends the
    /// statement. When the server itself does not answer, the connection is closed two seconds later, and the outcome
    /// is unknown. SQLite has no such limit: it runs in this process.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// From how long on a statement is logged as slow: its text, which holds no values, and how long it took.
    #[must_use]
    pub fn slow_statement(mut self, slow: Duration) -> Self {
        self.slow_statement = slow;
        self
    }

    /// The URL of a replica that [`Db::read_only`] reads from (Postgres).
    #[must_use]
    pub fn replica(mut self, url: &str) -> Self {
        self.replica = Some(replica(url));
        self
    }

    /// Connections pass a PgBouncer in transaction mode: statements are prepared anew each time, and nothing is kept
    /// in a session. The server does not get the statement timeout then (`ALTER ROLE … SET statement_timeout`); the
    /// one of the client stays.
    #[must_use]
    pub fn pgbouncer(mut self, behind: bool) -> Self {
        self.pgbouncer = behind;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// See [`Db::connect`].
    pub async fn connect(self) -> Result<Db> {
        match self.url.scheme() {
            "postgres" | "postgresql" => self.connect_postgres().await,
            "sqlite" => self.connect_sqlite().await,
            _ => Err(self.url.error(
                "it has no scheme that is known".into(),
                "use `postgres://user:password@host:5432/database`, or `sqlite://file.db` for an embedded database",
            )),
        }
    }

    fn db(self, pool: Pool, location: Location, limit: Option<Duration>) -> Db {
        let inner = Inner {
            pool,
            nudge: tokio::sync::Notify::new(),
            scheduled: false.into(),
            max_payload: self.max_payload,
            location,
            limit,
            slow: self.slow_statement,
            pgbouncer: self.pgbouncer,
            cursor_key: self.cursor_key.map_or_else(OnceLock::new, OnceLock::from),
            known: super::known::Known::default(),
        };
        Db::new(inner, &self.source, self.shapes)
    }

    #[cfg(not(feature = "postgres"))]
    async fn connect_postgres(self) -> Result<Db> {
        let help = "build `shared` with its feature `postgres`";
        Err(self.url.error("this program was built without Postgres".into(), help))
    }

    #[cfg(not(feature = "sqlite"))]
    async fn connect_sqlite(self) -> Result<Db> {
        let help = "build `shared` with its feature `sqlite`";
        Err(self.url.error("this program was built without SQLite".into(), help))
    }
}
