//! Logging set up in one line, without patients' data.

use tracing_subscriber::EnvFilter;

/// Writes logs to standard error as `RUST_LOG` says (`info` without it).
///
/// Whatever `RUST_LOG` says, the NATS client is kept below trace level: there it would print every payload.
/// Does nothing when the program has set up logging itself.
pub fn init() {
    let result = tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init();
    // somebody else has set up logging
    drop(result);
}

/// The filter of [`init`], for a subscriber of your own.
#[must_use]
pub fn filter() -> EnvFilter {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // added last, so it wins over what the environment says for the same target
    PROTECTED.iter().fold(filter, |filter, directive| match directive.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    })
}

/// Targets that print payloads at trace level.
const PROTECTED: &[&str] = &["async_nats=debug", "async_nats::connection=debug"];
