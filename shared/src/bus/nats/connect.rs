//! From a URL to a connection, with errors that say what to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::AccountErrorKind;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, ReconnectToServer, ServerAddr, ServerError};
use tokio::sync::watch;

use super::connections::Connections;
use crate::config::{Config, KNOWN_PASSWORDS, Profile, redact};
use crate::error::{Error, Result};
use crate::event::{MAX_HEADERS_BYTES, percent_decode};

fn error(url: &str, problem: &str, help: &str) -> Error {
    Error::config("NATS_URL", format!("{problem} (tried {})", redact(url)), help)
}

/// A connection that comes back by itself when it is lost.
pub(super) async fn connect(url: &str, config: &Config) -> Result<(Client, Connections)> {
    let (addresses, options) = prepare(url, config).await?;
    let (connected, news) = watch::channel(());
    let options = options
        .reconnect_delay_callback(|attempts| {
            let millis = 50u64.saturating_mul(1 << attempts.min(6));
            Duration::from_millis(millis.min(2_000))
        })
        .event_callback(move |event| {
            match event {
                async_nats::Event::Disconnected => tracing::warn!("NATS: disconnected; the client reconnects"),
                async_nats::Event::Connected => {
                    tracing::info!("NATS: connected");
                    connected.send_replace(());
                }
                event => tracing::debug!(%event, "NATS"),
            }
            std::future::ready(())
        });
    let client = options.connect(addresses).await.map_err(|e| refusal(url, &e))?;
    let connections = Connections::new(&client, news);
    Ok((client, connections))
}

/// Where nobody ever listens: port 0 is none.
const NOWHERE: &str = "nats://127.0.0.1:0";

/// A connection that ends when it is lost, with everything that the client has in hand. The client has no setting for
/// that; but one may say where it connects to again.
/// Notes whether the server refuses to let messages be read.
pub(super) async fn connect_once(url: &str, config: &Config, refused: Arc<AtomicBool>) -> Result<Client> {
    let (mut addresses, options) = prepare(url, config).await?;
    fastrand::shuffle(&mut addresses);
    let nowhere: ServerAddr = NOWHERE.parse().map_err(|_| unreadable(url))?;
    addresses.push(nowhere.clone());
    let options = options
        .retain_servers_order()
        .ignore_discovered_servers()
        .max_reconnects(addresses.len())
        .reconnect_to_server_callback(move |servers, _| {
            let was_connected = servers.iter().any(|server| server.did_connect);
            let nowhere = ReconnectToServer { addr: nowhere.clone(), delay: Some(Duration::ZERO) };
            async move { was_connected.then_some(nowhere) }
        })
        .event_callback(move |event| {
            tracing::debug!(%event, "NATS: the relay's connection");
            if forbids_reading(&event) {
                refused.store(true, Ordering::Release);
            }
            std::future::ready(())
        });
    options.connect(addresses).await.map_err(|e| refusal(url, &e))
}

/// The server answers a question that is not allowed by an error that belongs to no question, and says which it was.
fn forbids_reading(event: &async_nats::Event) -> bool {
    matches!(event, async_nats::Event::ServerError(ServerError::Other(said))
        if said.to_lowercase().starts_with("permissions violation") && said.contains("STREAM.MSG.GET."))
}

async fn prepare(url: &str, config: &Config) -> Result<(Vec<ServerAddr>, ConnectOptions)> {
    refuse_payloads_in_logs()?;
    let Servers { addresses, user } = servers(url)?;
    if let (Profile::Production, Some((_, Some(password)))) = (config.profile, &user)
        && KNOWN_PASSWORDS.contains(&password.as_str())
    {
        return Err(error(
            url,
            "in production a password that everybody knows is refused",
            "give the user another password",
        ));
    }
    let options = match user {
        Some((user, Some(password))) => ConnectOptions::with_user_and_password(user, password),
        Some((token, None)) => ConnectOptions::with_token(token),
        None => ConnectOptions::new(),
    };
    let options = options
        .name(&config.service)
        .connection_timeout(Duration::from_secs(5))
        // a dead link is noticed after two missed pings; the client's default takes two minutes
        .ping_interval(Duration::from_secs(10));
    Ok((addresses, secured(options, config).await?))
}

/// Why the server did not let us in.
fn refusal(url: &str, e: &ConnectError) -> Error {
    match e.kind() {
        ConnectErrorKind::ServerParse => unreadable(url),
        ConnectErrorKind::Dns => error(url, "the host name cannot be resolved", "correct the host"),
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => error(
            url,
            "the server refused user, password or credentials",
            "use `nats://user:password@host:4222`, or set `NATS_CREDENTIALS`",
        ),
        ConnectErrorKind::TimedOut => {
            error(url, "the server does not answer", "check host and port, and whether it is a NATS server")
        }
        kind if kind == ConnectErrorKind::Tls || is_untrusted(e) => error(
            url,
            "the TLS handshake failed",
            "check the server's certificate; `NATS_CA` names the file of an authority that the system does not know",
        ),
        _ => error(
            url,
            "the server cannot be reached, or it is no NATS server",
            "start it (`nats-server -js`), or correct host and port; unset the variable to use the in-process bus",
        ),
    }
}

/// Who the client is, and whom it trusts.
async fn secured(mut options: ConnectOptions, config: &Config) -> Result<ConnectOptions> {
    if let Some(path) = &config.nats_credentials {
        options = options.credentials_file(path).await.map_err(|e| {
            Error::config(
                "NATS_CREDENTIALS",
                format!("the credentials file cannot be read ({})", e.kind()),
                "give the path of a `.creds` file that this user may read, or unset the variable",
            )
        })?;
    }
    if let Some(path) = &config.nats_nkey {
        let seed = file("NATS_NKEY", path).await?;
        let seed = seed.lines().map(str::trim).find(|line| line.starts_with('S')).ok_or_else(|| {
            Error::config("NATS_NKEY", "the file has no seed of an nkey", "it holds one line that begins with `SU`")
        })?;
        options = options.nkey(seed.to_owned());
    }
    if let Some(path) = &config.nats_ca {
        file("NATS_CA", path).await?;
        options = options.add_root_certificates(path.into());
    }
    match (&config.nats_certificate, &config.nats_certificate_key) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            file("NATS_CERTIFICATE", certificate).await?;
            file("NATS_CERTIFICATE_KEY", key).await?;
            options = options.add_client_certificate(certificate.into(), key.into());
        }
        (Some(_), None) => return Err(incomplete("NATS_CERTIFICATE_KEY", "NATS_CERTIFICATE")),
        (None, Some(_)) => return Err(incomplete("NATS_CERTIFICATE", "NATS_CERTIFICATE_KEY")),
    }
    Ok(options)
}

/// Whether the other side spoke TLS, and was not believed.
fn is_untrusted(error: &ConnectError) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|source| source.kind() == std::io::ErrorKind::InvalidData)
}

fn incomplete(missing: &'static str, given: &str) -> Error {
    Error::config(
        missing,
        format!("`{given}` is set, and this is not"),
        "a certificate and its key go together: set both",
    )
}

/// Reads a file, so that one that cannot be read is reported by its variable.
async fn file(variable: &'static str, path: &str) -> Result<String> {
    tokio::fs::read_to_string(path).await.map_err(|e| {
        let help = "give the path of a file that this user may read, or unset the variable";
        Error::config(variable, format!("the file cannot be read ({})", e.kind()), help)
    })
}

fn unreadable(url: &str) -> Error {
    error(url, "it is not a NATS URL", "use `nats://host:4222`, or several of these separated by commas")
}

struct Servers {
    addresses: Vec<ServerAddr>,
    /// User and password, or a token.
    user: Option<(String, Option<String>)>,
}

/// The addresses without user and password: the client prints addresses at debug level.
fn servers(url: &str) -> Result<Servers> {
    let mut servers = Servers { addresses: Vec::new(), user: None };
    for one in url.split(',').map(str::trim) {
        let (scheme, rest) = one.split_once("://").ok_or_else(|| unreadable(url))?;
        if !matches!(scheme, "nats" | "tls") {
            return Err(unreadable(url));
        }
        let parsed: ServerAddr = one.parse().map_err(|_| unreadable(url))?;
        if let (Some(user), None) = (parsed.username(), &servers.user) {
            servers.user = Some((percent_decode(user), parsed.password().map(percent_decode)));
        }
        let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
        servers.addresses.push(format!("{scheme}://{address}").parse().map_err(|_| unreadable(url))?);
    }
    Ok(servers)
}

/// Proves that JetStream is there and may be used.
pub(super) async fn check_jetstream(url: &str, context: &jetstream::Context) -> Result<()> {
    let answer = context.query_account().await;
    answer.map(|_| ()).map_err(|e| match e.kind() {
        AccountErrorKind::JetStream(ref refusal)
            if refusal.error_code() == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT =>
        {
            error(
                url,
                "JetStream is not enabled for this account",
                "enable it for the account in the server's configuration",
            )
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

/// Proves that the server takes the largest event, with its headers.
pub(super) fn check_payload(client: &Client, max_payload: usize) -> Result<()> {
    let limit = client.server_info().max_payload;
    if limit == 0 || max_payload + MAX_HEADERS_BYTES <= limit {
        return Ok(());
    }
    Err(Error::config(
        "MAX_PAYLOAD",
        format!(
            "it is {max_payload}, and {MAX_HEADERS_BYTES} for headers, but the NATS server takes at most {limit} bytes: larger events would never leave the outbox"
        ),
        format!(
            "set it to {} or less, or raise `max_payload` in the server's configuration",
            limit.saturating_sub(MAX_HEADERS_BYTES)
        ),
    ))
}

/// async-nats prints every message it receives, payload included, at trace level.
fn refuse_payloads_in_logs() -> Result<()> {
    if tracing::enabled!(target: "async_nats::connection", tracing::Level::TRACE) {
        return Err(Error::config(
            "RUST_LOG",
            "the log filter lets the NATS client print every payload, and with it patients' data",
            "add `async_nats=debug` to the filter, or `shared::log::guard()` to your subscriber; `shared::log::init()` has it",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_stay_in_the_addresses() {
        let servers = servers("nats://me:s3cret@one:4222, nats://me:s3cret@two:4222").unwrap();
        assert_eq!(servers.user, Some(("me".into(), Some("s3cret".into()))));
        assert!(!format!("{:?}", servers.addresses).contains("s3cret"));
        for bad in ["", "one:4222", "http://one", "nats://one:x"] {
            assert!(super::servers(bad).is_err(), "{bad}");
        }
    }
}
