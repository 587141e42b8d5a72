//! Configuration, from the environment.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::entity::CursorKey;
use crate::error::{Error, Result};
use crate::event::Shapes;

/// What a service needs to know about its surroundings. Unset variables mean the embedded default: SQLite
/// in the working directory and the in-process bus.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// `SERVICE_PROFILE`: `development` (default), or `production`, which refuses plaintext and known passwords.
    pub profile: Profile,
    /// `DATABASE_URL`: `postgres://…` or `sqlite://…`. Default `sqlite://shared.db`.
    pub database_url: String,
    /// `DATABASE_REPLICA_URL`: where [`Db::read_only`](crate::Db::read_only) reads (Postgres). Default: the database itself.
    pub database_replica_url: Option<String>,
    /// `NATS_URL`: `nats://host:4222`, or several separated by commas. Default: the in-process bus.
    pub nats_url: Option<String>,
    /// `NATS_CREDENTIALS`: path of a credentials file.
    pub nats_credentials: Option<String>,
    /// `NATS_NKEY`: path of a file with the seed of an nkey.
    pub nats_nkey: Option<String>,
    /// `NATS_CA`: path of a PEM file with the certificates that the server's is checked against, besides the system's.
    pub nats_ca: Option<String>,
    /// `NATS_CERTIFICATE`: path of a PEM file with the client's own certificate, for a server that asks for one.
    pub nats_certificate: Option<String>,
    /// `NATS_CERTIFICATE_KEY`: path of a PEM file with the key of `NATS_CERTIFICATE`.
    pub nats_certificate_key: Option<String>,
    /// `NATS_SYNC_ALWAYS`: whether the server's JetStream runs with `sync_interval: always`, which no client can see. Events
    /// that wait are then published in atomic batches. Default false.
    pub nats_sync_always: bool,
    /// `SERVICE_NAME`: the name under which events are published. Default: the program's name.
    pub service: String,
    /// `DATABASE_MAX_CONNECTIONS`: the size of the pool. Default 10.
    pub database_max_connections: u32,
    /// `DATABASE_MIN_CONNECTIONS`: connections that are kept open when nobody uses them (Postgres). Default 0.
    pub database_min_connections: u32,
    /// `DATABASE_IDLE_TIMEOUT`: how long a connection that nobody uses stays open. Default 10m.
    pub database_idle_timeout: Duration,
    /// `DATABASE_MAX_LIFETIME`: the age at which a connection is replaced. Default 30m.
    pub database_max_lifetime: Duration,
    /// `DATABASE_ACQUIRE_TIMEOUT`: the longest wait for a connection. Default 30s.
    pub database_acquire_timeout: Duration,
    /// `DATABASE_STATEMENT_TIMEOUT`: the longest statement (Postgres). Default 30s.
    pub database_statement_timeout: Duration,
    /// `DATABASE_SLOW_STATEMENT`: from how long on a statement is logged as slow. Default 1s.
    pub database_slow_statement: Duration,
    /// `DATABASE_PGBOUNCER`: whether connections pass a PgBouncer in transaction mode. Default false.
    pub database_pgbouncer: bool,
    /// `DATABASE_MIGRATE`: whether migrations, and those of the library's own tables, are applied at start. Default true.
    pub migrate: bool,
    /// `DATABASE_CREATE_TABLES`: whether services without migrations create the tables they miss at start. Default true.
    pub create_tables: bool,
    /// `DATABASE_CHECK_TABLES`: whether tables are compared with the entities at start. Default true.
    pub check_tables: bool,
    /// `MAX_PAYLOAD`: the largest event in bytes. Default 983040 (NATS' default limit of 1 MiB less headers).
    pub max_payload: usize,
    /// `NATS_ACK_WAIT`: how long the server waits for the sign of life of a handler before it gives a message
    /// to another process. Default 10s.
    pub ack_wait: Duration,
    /// `SHUTDOWN_TIMEOUT`: how long handlers may go on after SIGTERM. Default 20s.
    pub shutdown_timeout: Duration,
    /// `OUTBOX_RETENTION`: how long published events are kept in the database. Default 7d.
    pub outbox_retention: Duration,
    /// `INBOX_RETENTION`: how long a subscription knows which events it has handled. Default: as long as an event can come
    /// again, which is how long streams and outbox keep it.
    pub inbox_retention: Option<Duration>,
    /// `DEAD_LETTER_RETENTION`: how long dead letters wait before they are deleted. Default: until they are replayed or
    /// purged. Replayed ones are kept as long as published events.
    pub dead_letter_retention: Option<Duration>,
    /// `STREAM_MAX_AGE`: how long streams keep events, zero for ever. What a subscriber has not handled by then is lost to
    /// it. Default: 30d for streams that are made; those that are there stay as they are.
    pub stream_max_age: Option<Duration>,
    /// `STREAM_MAX_BYTES`: the size from which on a stream takes no new events; they wait in the outbox. Default: unlimited for
    /// streams that are made.
    pub stream_max_bytes: Option<u64>,
    /// `STREAM_REPLICAS`: on how many servers of a cluster each stream is stored. Default: 1 for streams that are made.
    pub stream_replicas: Option<usize>,
    /// `STREAM_DUPLICATE_WINDOW`: how long a stream knows the ids of events, to store each once. Default: 2m for streams that
    /// are made.
    pub stream_duplicate_window: Option<Duration>,
    /// `EVENT_SHAPES`: how events are written, by subject: `flat:appointment.>,structured:lab.*`. These come before
    /// those of [`Service::shape`](crate::Service::shape). Default: CloudEvents in binary mode.
    pub event_shapes: Shapes,
    /// `CURSOR_KEY`: what page cursors are sealed with, 64 hexadecimal digits. Default: a key of the database's own.
    pub cursor_key: Option<CursorKey>,
}

/// What a service is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// On a developer's machine and in tests.
    #[default]
    Development,
    /// With patients' data: connections to other machines are encrypted, and passwords that everybody knows are refused.
    Production,
}

impl FromStr for Profile {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err(()),
        }
    }
}

/// Passwords that are known to everybody.
#[cfg(any(feature = "postgres", feature = "nats"))]
pub(crate) const KNOWN_PASSWORDS: &[&str] =
    &["", "postgres", "nats", "password", "passwd", "admin", "root", "secret", "changeme", "test"];

/// Every variable: name, form, default, meaning. What `--help` prints.
pub const VARIABLES: &[(&str, &str, &str)] = &[
    ("SERVICE_PROFILE", "development", "production refuses unencrypted connections and known passwords"),
    (
        "DATABASE_URL",
        "sqlite://shared.db",
        "postgres://user:password@host/database?sslmode=verify-full, sqlite://file.db or sqlite::memory:",
    ),
    ("DATABASE_REPLICA_URL", "none", "a replica of Postgres that `db.read_only()` reads from"),
    ("NATS_URL", "in-process bus", "nats://host:4222, several separated by commas; tls:// requires TLS"),
    ("NATS_CREDENTIALS", "none", "path of a NATS credentials file"),
    ("NATS_NKEY", "none", "path of a file with the seed of an nkey"),
    ("NATS_CA", "none", "path of a PEM file with certificates to check the NATS server's against"),
    ("NATS_CERTIFICATE", "none", "path of a PEM file with the client's certificate, if the NATS server asks for one"),
    ("NATS_CERTIFICATE_KEY", "none", "path of a PEM file with the key of NATS_CERTIFICATE"),
    (
        "NATS_SYNC_ALWAYS",
        "false",
        "whether NATS' JetStream runs with `sync_interval: always`: events are then published in batches",
    ),
    ("SERVICE_NAME", "the program's name", "the name under which events are published"),
    ("DATABASE_MAX_CONNECTIONS", "10", "the size of the connection pool"),
    ("DATABASE_MIN_CONNECTIONS", "0", "connections that stay open when nobody uses them (Postgres)"),
    ("DATABASE_IDLE_TIMEOUT", "10m", "how long a connection that nobody uses stays open"),
    ("DATABASE_MAX_LIFETIME", "30m", "the age at which a connection is replaced"),
    ("DATABASE_ACQUIRE_TIMEOUT", "30s", "the longest wait for a free connection"),
    ("DATABASE_STATEMENT_TIMEOUT", "30s", "the longest time a statement may take (Postgres)"),
    ("DATABASE_SLOW_STATEMENT", "1s", "from how long on a statement is logged as slow, without its values"),
    ("DATABASE_PGBOUNCER", "false", "whether connections pass a PgBouncer in transaction mode"),
    ("DATABASE_MIGRATE", "true", "whether migrations are applied at start"),
    ("DATABASE_CREATE_TABLES", "true", "whether services without migrations create missing tables at start"),
    ("DATABASE_CHECK_TABLES", "true", "whether a table that is not what its entity declares is refused at start"),
    ("MAX_PAYLOAD", "983040", "the largest event in bytes"),
    ("NATS_ACK_WAIT", "10s", "how long a message waits for a dead process before another one gets it"),
    ("SHUTDOWN_TIMEOUT", "20s", "how long handlers may go on after SIGTERM"),
    ("OUTBOX_RETENTION", "7d", "how long published events are kept in the database"),
    (
        "INBOX_RETENTION",
        "as long as an event can come again",
        "how long a subscription knows which events it has handled",
    ),
    ("STREAM_MAX_AGE", "30d for new streams", "how long streams keep events: a span, or forever"),
    ("STREAM_MAX_BYTES", "unlimited for new streams", "from which size on a stream takes no new events"),
    ("STREAM_REPLICAS", "1 for new streams", "on how many servers of a cluster each stream is stored"),
    ("STREAM_DUPLICATE_WINDOW", "2m for new streams", "how long a stream knows the ids of events, to store each once"),
    ("DEAD_LETTER_RETENTION", "until purged", "how long dead letters wait before they are deleted"),
    (
        "EVENT_SHAPES",
        "binary:>",
        "how events are written, by subject: flat:appointment.>,structured:lab.* (flat is the old Python package's JSON)",
    ),
    ("CURSOR_KEY", "one of the database's own", "what page cursors are sealed with: 64 hexadecimal digits"),
];

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first variable whose value cannot be read.
    pub fn from_env() -> Result<Self> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// The embedded default, whatever the environment says.
    #[must_use]
    pub fn embedded() -> Self {
        Self {
            profile: Profile::Development,
            database_url: "sqlite://shared.db".into(),
            database_replica_url: None,
            nats_url: None,
            nats_credentials: None,
            nats_nkey: None,
            nats_ca: None,
            nats_certificate: None,
            nats_certificate_key: None,
            nats_sync_always: false,
            service: program_name(),
            database_max_connections: 10,
            database_min_connections: 0,
            database_idle_timeout: Duration::from_secs(600),
            database_max_lifetime: Duration::from_secs(1_800),
            database_acquire_timeout: Duration::from_secs(30),
            database_statement_timeout: Duration::from_secs(30),
            database_slow_statement: Duration::from_secs(1),
            database_pgbouncer: false,
            migrate: true,
            create_tables: true,
            check_tables: true,
            max_payload: 983_040,
            ack_wait: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(20),
            outbox_retention: Duration::from_secs(7 * 24 * 3600),
            inbox_retention: None,
            dead_letter_retention: None,
            stream_max_age: None,
            stream_max_bytes: None,
            stream_replicas: None,
            stream_duplicate_window: None,
            event_shapes: Shapes::new(),
            cursor_key: None,
        }
    }

    /// Reads variables from `lookup`; an empty value counts as unset.
    ///
    /// # Errors
    /// See [`from_env`](Self::from_env).
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let lookup = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut config = Self::embedded();
        if let Some(url) = lookup("DATABASE_URL") {
            config.database_url = url;
        }
        config.database_replica_url = lookup("DATABASE_REPLICA_URL");
        config.nats_url = lookup("NATS_URL");
        config.nats_credentials = lookup("NATS_CREDENTIALS");
        config.nats_nkey = lookup("NATS_NKEY");
        config.nats_ca = lookup("NATS_CA");
        config.nats_certificate = lookup("NATS_CERTIFICATE");
        config.nats_certificate_key = lookup("NATS_CERTIFICATE_KEY");
        if let Some(service) = lookup("SERVICE_NAME") {
            config.service = service;
        }
        let lookup = &lookup;
        read(lookup, "SERVICE_PROFILE", "`development` or `production`", &mut config.profile, |text| {
            text.parse().ok()
        })?;
        read(lookup, "NATS_SYNC_ALWAYS", FLAG, &mut config.nats_sync_always, |text| text.parse().ok())?;
        read(lookup, "DATABASE_MAX_CONNECTIONS", "a number from 1", &mut config.database_max_connections, |text| {
            text.parse().ok().filter(|n| *n > 0)
        })?;
        read(lookup, "DATABASE_MIN_CONNECTIONS", "a number", &mut config.database_min_connections, |text| {
            text.parse().ok()
        })?;
        read(lookup, "DATABASE_IDLE_TIMEOUT", SPAN, &mut config.database_idle_timeout, parse_span)?;
        read(lookup, "DATABASE_MAX_LIFETIME", SPAN, &mut config.database_max_lifetime, parse_span)?;
        read(lookup, "DATABASE_ACQUIRE_TIMEOUT", SPAN, &mut config.database_acquire_timeout, parse_span)?;
        read(lookup, "DATABASE_STATEMENT_TIMEOUT", SPAN, &mut config.database_statement_timeout, parse_span)?;
        read(lookup, "DATABASE_SLOW_STATEMENT", SPAN, &mut config.database_slow_statement, parse_span)?;
        read(lookup, "DATABASE_PGBOUNCER", FLAG, &mut config.database_pgbouncer, |text| text.parse().ok())?;
        read(lookup, "DATABASE_MIGRATE", FLAG, &mut config.migrate, |text| text.parse().ok())?;
        read(lookup, "DATABASE_CHECK_TABLES", FLAG, &mut config.check_tables, |text| text.parse().ok())?;
        read(lookup, "DATABASE_CREATE_TABLES", FLAG, &mut config.create_tables, |text| text.parse().ok())?;
        read(lookup, "MAX_PAYLOAD", "a number of bytes from 1024", &mut config.max_payload, |text| {
            usize::from_str(text).ok().filter(|n| *n >= 1024)
        })?;
        read(lookup, "NATS_ACK_WAIT", SPAN, &mut config.ack_wait, |text| {
            parse_span(text).filter(|span| *span >= Duration::from_secs(1))
        })?;
        read(lookup, "SHUTDOWN_TIMEOUT", SPAN, &mut config.shutdown_timeout, parse_span)?;
        read(lookup, "OUTBOX_RETENTION", SPAN, &mut config.outbox_retention, parse_span)?;
        read(lookup, "INBOX_RETENTION", SPAN, &mut config.inbox_retention, |text| parse_span(text).map(Some))?;
        read(lookup, "DEAD_LETTER_RETENTION", SPAN, &mut config.dead_letter_retention, |text| {
            parse_span(text).map(Some)
        })?;
        read(
            lookup,
            "STREAM_MAX_AGE",
            "a span such as `12h` or `30d`, or `forever`",
            &mut config.stream_max_age,
            |text| {
                if text == "forever" {
                    Some(Some(Duration::ZERO))
                } else {
                    parse_span(text).filter(|age| !age.is_zero()).map(Some)
                }
            },
        )?;
        read(lookup, "STREAM_MAX_BYTES", "a number of bytes from 1", &mut config.stream_max_bytes, |text| {
            text.parse().ok().filter(|bytes| *bytes > 0).map(Some)
        })?;
        read(lookup, "STREAM_REPLICAS", "a number from 1 to 5", &mut config.stream_replicas, |text| {
            text.parse().ok().filter(|replicas| (1..=5).contains(replicas)).map(Some)
        })?;
        read(lookup, "STREAM_DUPLICATE_WINDOW", SPAN, &mut config.stream_duplicate_window, |text| {
            parse_span(text).filter(|window| *window >= Duration::from_millis(100)).map(Some)
        })?;
        let form = "`binary:`, `structured:` or `flat:` and a pattern of subjects, several separated by commas";
        read(lookup, "EVENT_SHAPES", form, &mut config.event_shapes, |text| text.parse().ok())?;
        config.refuse_plaintext()?;
        config.cursor_key = lookup("CURSOR_KEY").map(|text| text.parse()).transpose()?;
        Ok(config)
    }

    /// In production nothing leaves the machine in the clear. What the database's URL says is looked at when it is
    /// connected to.
    fn refuse_plaintext(&self) -> Result<()> {
        let open = |url: &str| !url.trim().starts_with("tls://") && !url.trim().starts_with("wss://");
        if self.profile == Profile::Production && self.nats_url.as_deref().is_some_and(|urls| urls.split(',').any(open))
        {
            return Err(Error::config(
                "NATS_URL",
                "in production the connection must be encrypted",
                "begin each URL with `tls://`",
            ));
        }
        Ok(())
    }

    /// The same with another database.
    #[must_use]
    pub fn with_database_url(mut self, url: impl Into<String>) -> Self {
        self.database_url = url.into();
        self
    }

    /// The same with another bus; `None` is the in-process one.
    #[must_use]
    pub fn with_nats_url(mut self, url: Option<String>) -> Self {
        self.nats_url = url;
        self
    }

    /// The same under another service name.
    #[must_use]
    pub fn with_service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }
}

const FLAG: &str = "`true` or `false`";

const SPAN: &str = "a span such as `500ms`, `30s`, `5m`, `2h` or `7d`";

fn read<T>(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    form: &str,
    target: &mut T,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<()> {
    if let Some(text) = lookup(name) {
        *target = parse(&text)
            .ok_or_else(|| Error::config(name, "its value cannot be read", format!("set it to {form}, or unset it")))?;
    }
    Ok(())
}

/// Reads `500ms`, `30s`, `5m`, `2h`, `7d`.
pub(crate) fn parse_span(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// A URL without its password (and without query parameters named like secrets).
pub(crate) fn redact(url: &str) -> String {
    url.split(',').map(redact_one).collect::<Vec<_>>().join(",")
}

fn redact_one(url: &str) -> String {
    let (head, query) = url.split_once('?').map_or((url, ""), |(head, query)| (head, query));
    let head = match head.split_once("://") {
        // the last `@` ends the user part: a password that is not percent-encoded may contain one
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((user, host)) => {
                let user = user.split_once(':').map_or("‹hidden›", |(user, _)| user);
                format!("{scheme}://{user}:‹hidden›@{host}")
            }
            None => head.to_owned(),
        },
        None => head.to_owned(),
    };
    if query.is_empty() { head } else { format!("{head}?‹parameters hidden›") }
}

fn program_name() -> String {
    std::env::args_os()
        .next()
        .and_then(|path| std::path::PathBuf::from(path).file_stem().map(|name| name.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "service".into())
}

impl Default for Config {
    fn default() -> Self {
        Self::embedded()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("database_url", &redact(&self.database_url))
            .field("nats_url", &self.nats_url.as_deref().map(redact))
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_means_embedded() {
        let config = Config::from_lookup(|_| None).unwrap();
        assert_eq!(config.database_url, "sqlite://shared.db");
        assert_eq!(config.nats_url, None);
    }

    #[test]
    fn a_bad_value_names_the_variable_and_not_the_value() {
        let error = Config::from_lookup(|name| (name == "NATS_ACK_WAIT").then(|| "sentinel".into())).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("NATS_ACK_WAIT") && text.contains("help:"), "{text}");
        assert!(!text.contains("sentinel"), "{text}");
    }

    #[test]
    fn production_refuses_a_bus_in_the_clear() {
        let read = |nats: &'static str| {
            Config::from_lookup(|name| match name {
                "SERVICE_PROFILE" => Some("production".into()),
                "NATS_URL" => Some(nats.into()),
                _ => None,
            })
        };
        let error = read("tls://a:4222, nats://s3cret@b:4222").unwrap_err().to_string();
        assert!(error.contains("NATS_URL") && error.contains("tls://") && !error.contains("s3cret"), "{error}");
        assert_eq!(read("tls://a:4222").unwrap().profile, Profile::Production);
    }

    #[test]
    fn shapes_are_read_and_bad_ones_are_refused() {
        let read = |text: &'static str| Config::from_lookup(|name| (name == "EVENT_SHAPES").then(|| text.into()));
        let config = read("flat:appointment.>").unwrap();
        assert_eq!(config.event_shapes.of("appointment.scheduled"), crate::event::Shape::Flat);
        let error = read("round:appointment.>").unwrap_err().to_string();
        assert!(error.contains("EVENT_SHAPES") && error.contains("help: set it to `binary:`"), "{error}");
    }

    #[test]
    fn secrets_are_not_printed() {
        for url in [
            "postgres://me:s3cret@h/db",
            "postgres://me:s3@cret@h/db",
            "nats://s3cret@h:4222",
            "nats://a:s3cret@h,nats://b:s3cret@i",
            "postgres://h/db?password=s3cret",
        ] {
            let config = Config::embedded().with_database_url(url).with_nats_url(Some(url.into()));
            let text = format!("{config:?}");
            assert!(!text.contains("s3"), "{text}");
        }
    }

    #[test]
    fn spans_are_read() {
        assert_eq!(parse_span("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_span("7d"), Some(Duration::from_secs(604_800)));
        for bad in ["", "5", "s", "-1s", "1w", "99999999999999999999s"] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_variable_is_documented() {
        let documented: Vec<&str> = VARIABLES.iter().map(|(name, ..)| *name).collect();
        let asked = std::cell::RefCell::new(Vec::new());
        Config::from_lookup(|name| {
            asked.borrow_mut().push(name.to_owned());
            None
        })
        .unwrap();
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let documented = documented.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(sorted(asked.into_inner()), sorted(documented));
    }
}
