//! Pools of Postgres.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};

use super::{DbOptions, GRACE, Url};
use crate::config::{KNOWN_PASSWORDS, Profile};
use crate::db::ready::{ALIVE, FRESH, Source};
use crate::db::{Db, Location, Pool};
use crate::error::{Error, Result};

/// The longest wait for a first answer.
const FIRST: Duration = Duration::from_secs(10);

/// Statements that each connection keeps prepared.
const STATEMENTS: usize = 256;

impl DbOptions {
    pub(super) async fn connect_postgres(self) -> Result<Db> {
        let options = self.options(&self.url)?;
        let location = Location::Server(format!(
            "{}:{}/{}",
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or(options.get_username())
        ));
        let primary = self.pool(options);
        match tokio::time::timeout(FIRST, first_connection(&primary)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(refused(&self.url, error)),
            Err(_) => {
                return Err(self.url.error(
                    "the server does not answer within 10 s".into(),
                    "check host and port, and whether a firewall drops the connection",
                ));
            }
        }
        let replica = match &self.replica {
            Some(url) => Some(Source::new(self.pool_of_replica(url).await?)),
            None => None,
        };
        let limit = (!self.statement_timeout.is_zero()).then(|| self.statement_timeout + GRACE);
        Ok(self.db(Pool::Postgres { primary: Source::new(primary), replica }, location, limit))
    }

    /// A replica that is away for the moment does not keep a service from starting; a wrong URL does.
    async fn pool_of_replica(&self, url: &Url) -> Result<sqlx::PgPool> {
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(url.error("it is not a Postgres URL".into(), "use the URL of a replica of the database"));
        }
        let pool = self.pool(self.options(url)?);
        match tokio::time::timeout(ALIVE, first_connection(&pool)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = refused(url, error).report(), "the replica is away"),
            Err(_) => tracing::warn!("the replica does not answer"),
        }
        Ok(pool)
    }

    fn options(&self, url: &Url) -> Result<PgConnectOptions> {
        let options: PgConnectOptions = url.text.parse().map_err(|_| {
            url.error(
                "it is not a Postgres URL".into(),
                "use `postgres://user:password@host:5432/database?sslmode=verify-full`; percent-encode special \
                 characters of the password",
            )
        })?;
        let options = self.encrypted(url, options)?;
        // sqlx' own log of statements would also show those that a service writes by hand, with what is in them
        let options = options.application_name(&self.source).disable_statement_logging();
        if self.pgbouncer {
            // sent with each new connection, and PgBouncer refuses what it does not know
            return Ok(options.extra_float_digits(None).statement_cache_capacity(0));
        }
        let timeout = self.statement_timeout.as_millis().to_string();
        Ok(options.statement_cache_capacity(STATEMENTS).options([
            ("statement_timeout", timeout.as_str()),
            ("timezone", "UTC"),
            // a notice may quote a value
            ("client_min_messages", "error"),
            // the server notices that a client is gone and frees what it has locked
            ("tcp_keepalives_idle", "30"),
            ("tcp_keepalives_interval", "10"),
            ("tcp_keepalives_count", "3"),
        ]))
    }

    /// Nobody sends patients' data in the clear because a URL said nothing about it.
    fn encrypted(&self, url: &Url, options: PgConnectOptions) -> Result<PgConnectOptions> {
        let host = options.get_host().to_owned();
        let near = options.get_socket().is_some()
            || host.starts_with('/')
            || host == "localhost"
            || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        let said = url.text.contains("sslmode=")
            || url.text.contains("ssl-mode=")
            || std::env::var_os("PGSSLMODE").is_some_and(|mode| !mode.is_empty());
        let options = match (said, near) {
            (true, _) => options,
            (false, true) => options.ssl_mode(PgSslMode::Disable),
            (false, false) => {
                return Err(url.error(
                    "it does not say whether the connection is encrypted".into(),
                    "add `?sslmode=verify-full` (with `&sslrootcert=` if the certificate is signed by an authority of \
                     your own), or `?sslmode=disable` where nobody else is on the network",
                ));
            }
        };
        if self.profile == Profile::Production && !near {
            let mode = options.get_ssl_mode();
            if matches!(mode, PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer) {
                return Err(url.error(
                    "in production the connection must be encrypted".into(),
                    "set `sslmode=verify-full`, or at least `require`",
                ));
            }
        }
        if self.profile == Profile::Production {
            let complete = options.to_url_lossy();
            let password = complete.password();
            if password.is_some_and(|password| KNOWN_PASSWORDS.contains(&password) || password == complete.username()) {
                return Err(url.error(
                    "its password is one that everybody knows".into(),
                    "give the user another password: `ALTER ROLE … PASSWORD …`",
                ));
            }
        }
        Ok(options)
    }

    fn pool(&self, options: PgConnectOptions) -> sqlx::PgPool {
        PgPoolOptions::new()
            .max_connections(self.max_connections)
            .min_connections(self.min_connections.min(self.max_connections))
            .idle_timeout(self.idle_timeout)
            .max_lifetime(self.max_lifetime)
            .acquire_timeout(self.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, use_of_it| {
                Box::pin(async move {
                    if use_of_it.idle_for < FRESH {
                        return Ok(true);
                    }
                    Ok(matches!(tokio::time::timeout(ALIVE, connection.ping()).await, Ok(Ok(()))))
                })
            })
            .connect_lazy_with(options)
    }
}

/// Opens a connection outside of the pool's retries, which would hide the reason behind a timeout.
async fn first_connection(pool: &sqlx::PgPool) -> sqlx::Result<()> {
    let connection = (*pool.connect_options()).clone().connect().await?;
    connection.close().await
}

fn refused(url: &Url, error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default().into_owned();
            match code.as_str() {
                "28P01" | "28000" => url.error(
                    "the server refused the user or the password".into(),
                    "check user and password in the URL; percent-encode special characters",
                ),
                "3D000" => url.error(
                    "the database does not exist".into(),
                    "create it with `createdb`, or correct the URL's last part",
                ),
                "53300" => url.error(
                    "the server has no free connection".into(),
                    "close other clients, or raise the server's `max_connections`",
                ),
                "08P01" => url.error(
                    "the server refused a setting of the connection (SQLSTATE 08P01)".into(),
                    "behind PgBouncer in transaction mode, set `DATABASE_PGBOUNCER=true`",
                ),
                _ => url.error(
                    format!("the server refused the connection (SQLSTATE {code})"),
                    "look the code up in the server's log",
                ),
            }
        }
        // rustls says so of a certificate
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => handshake(url),
        sqlx::Error::Tls(_) => handshake(url),
        sqlx::Error::Io(error) => url.error(
            format!("the server cannot be reached ({})", error.kind()),
            "start the server, or correct host and port; unset the variable to run embedded on SQLite",
        ),
        _ => url.error(
            "the server did not answer as Postgres does".into(),
            "check that host and port are those of a Postgres server",
        ),
    }
}

fn handshake(url: &Url) -> Error {
    url.error(
        "the TLS handshake failed".into(),
        "check the server's certificate; `sslrootcert=` in the URL is the path of the authority that signed it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn production(url: &str) -> Result<PgConnectOptions> {
        let config = crate::Config { profile: Profile::Production, ..crate::Config::embedded() };
        let config = config.with_database_url(url);
        let options = DbOptions::from_config(&config);
        options.options(&options.url)
    }

    #[track_caller]
    fn refuses(result: Result<PgConnectOptions>, part: &str) {
        let text = result.unwrap_err().to_string();
        assert!(text.contains(part) && text.contains("help: ") && !text.contains("s3cret"), "{text}");
    }

    #[test]
    fn encryption_is_explicit() {
        let options = |url: &str| {
            let options = DbOptions::new(url);
            options.options(&options.url)
        };
        refuses(options("postgres://me:s3cret@db.example/clinic"), "does not say whether the connection is encrypted");
        let near = options("postgres://me:s3cret@127.0.0.1/clinic").unwrap();
        assert!(matches!(near.get_ssl_mode(), PgSslMode::Disable));
        let far = options("postgres://me:s3cret@db.example/clinic?sslmode=verify-full").unwrap();
        assert!(matches!(far.get_ssl_mode(), PgSslMode::VerifyFull));
        options("postgres://me:s3cret@db.example/clinic?sslmode=disable").unwrap();
    }

    #[test]
    fn production_refuses_plaintext_and_known_passwords() {
        refuses(production("postgres://me:s3cret@db.example/clinic?sslmode=disable"), "must be encrypted");
        refuses(production("postgres://me:s3cret@db.example/clinic?sslmode=prefer"), "must be encrypted");
        refuses(production("postgres://postgres:postgres@localhost/clinic"), "everybody knows");
        refuses(production("postgres://clinic:clinic@db.example/clinic?sslmode=require"), "everybody knows");
        production("postgres://me:s3cret@db.example/clinic?sslmode=require").unwrap();
        production("postgres://me:s3cret@localhost/clinic").unwrap();
    }
}
