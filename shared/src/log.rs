//! Logging set up in one line, without patients' data.

use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Writes logs to standard error as `RUST_LOG` says (`info` without it), but never payloads: see [`guard`].
///
/// Does nothing when the program has set up logging itself.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(terminal);
    let result = tracing_subscriber::registry().with(guard()).with(filter).with(lines).try_init();
    // somebody else has set up logging
    drop(result);
}

/// What [`init`] leaves out whatever `RUST_LOG` says: the NATS client's trace level, which prints every payload and
/// the password. A layer for a subscriber of your own.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry().with(shared::log::guard());
/// # drop(subscriber);
/// ```
#[must_use]
pub fn guard() -> FilterFn {
    filter_fn(|metadata| *metadata.level() < Level::TRACE || !metadata.target().starts_with("async_nats"))
}
