//! From a URL to a connection, with errors that say what to do.

use std::time::Duration;

use async_nats::jetstream::context::AccountErrorKind;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, ServerAddr};

use crate::config::{Config, redact};
use crate::error::{Error, Result};

fn error(url: &str, problem: &str, help: &str) -> Error {
    Error::config("NATS_URL", format!("{problem} (tried {})", redact(url)), help)
}

pub(super) async fn connect(url: &str, config: &Config) -> Result<Client> {
    refuse_payloads_in_logs()?;
    let servers = servers(url)?;
    let mut options = ConnectOptions::new()
        .name(&config.service)
        .connection_timeout(Duration::from_secs(5))
        // a dead link is noticed after two missed pings; the client's default takes two minutes
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(|attempts| {
            let millis = 50u64.saturating_mul(1 << attempts.min(6));
            Duration::from_millis(millis.min(2_000))
        })
        .event_callback(async |event| match event {
            async_nats::Event::Disconnected => tracing::warn!("NATS: disconnected; the client reconnects"),
            async_nats::Event::Connected => tracing::info!("NATS: connected"),
            event => tracing::debug!(%event, "NATS"),
        });
    if let Some(path) = &config.nats_credentials {
        options = options.credentials_file(path).await.map_err(|e| {
            Error::config(
                "NATS_CREDENTIALS",
                format!("the credentials file cannot be read ({})", e.kind()),
                "give the path of a `.creds` file that this user may read, or unset the variable",
            )
        })?;
    }
    options.connect(servers).await.map_err(|e| match e.kind() {
        ConnectErrorKind::ServerParse => unreadable(url),
        ConnectErrorKind::Dns => error(url, "the host name cannot be resolved", "correct the host"),
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => error(
            url,
            "the server refused user, password or credentials",
            "use `nats://user:password@host:4222`, or set `NATS_CREDENTIALS`",
        ),
        ConnectErrorKind::TimedOut => error(url, "the server does not answer", "check host and port, and whether it is a NATS server"),
        ConnectErrorKind::Tls => error(url, "the TLS handshake failed", "check the server's certificate; `tls://` requires TLS"),
        _ => error(
            url,
            "the server cannot be reached, or it is no NATS server",
            "start it (`nats-server -js`), or correct host and port; unset the variable to use the in-process bus",
        ),
    })
}

fn unreadable(url: &str) -> Error {
    error(url, "it is not a NATS URL", "use `nats://host:4222`, or several of these separated by commas")
}

fn servers(url: &str) -> Result<Vec<ServerAddr>> {
    url.split(',')
        .map(|one| {
            let one = one.trim();
            let known = ["nats://", "tls://"].iter().any(|scheme| one.starts_with(scheme));
            if !known {
                return Err(unreadable(url));
            }
            one.parse().map_err(|_| unreadable(url))
        })
        .collect()
}

/// Proves that JetStream is there and may be used.
pub(super) async fn check_jetstream(url: &str, context: &jetstream::Context) -> Result<()> {
    let answer = context.query_account().await;
    answer.map(|_| ()).map_err(|e| match e.kind() {
        AccountErrorKind::JetStream(ref refusal) if refusal.error_code() == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
            error(url, "JetStream is not enabled for this account", "enable it for the account in the server's configuration")
        }
        AccountErrorKind::JetStream(_) => {
            error(url, "the server refuses JetStream", "start it with JetStream (`nats-server -js`), and check its log")
        }
        // without JetStream nobody answers the request
        _ => no_jetstream(url),
    })
}

fn no_jetstream(url: &str) -> Error {
    error(
        url,
        "the server has no JetStream, or this user may not use it",
        "start it with JetStream (`nats-server -js`), and allow the user to publish to `$JS.API.>`",
    )
}

/// async-nats prints every message it receives, payload included, at trace level.
fn refuse_payloads_in_logs() -> Result<()> {
    if tracing::enabled!(target: "async_nats::connection", tracing::Level::TRACE) {
        return Err(Error::config(
            "RUST_LOG",
            "the log filter lets the NATS client print every payload, and with it patients' data",
            "add `async_nats=debug` to the filter, or set up logging with `shared::log::init()`, which does so",
        ));
    }
    Ok(())
}
