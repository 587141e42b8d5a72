//! The lock in a test.

use std::path::Path;

use super::{Contract, Lock};

/// The environment variable that makes [`check!`](super::check!) record additions instead of reporting them: with the
/// value `accept`.
pub const ACCEPT_VARIABLE: &str = "SHARED_SCHEMA";

/// Fails a test when the declared events are not what `events.lock.json`, beside the crate's `Cargo.toml`, says was
/// released. Takes services, or [`Contract`]s.
///
/// What breaks somebody has to be mended. Additions are recorded by running the test with `SHARED_SCHEMA=accept`; then
/// commit the file.
///
/// ```no_run
/// # use shared::prelude::*;
/// # fn services() -> Vec<Service> { Vec::new() }
/// #[test]
/// fn no_event_drifts() {
///     shared::schema::check!(services());
/// }
/// # fn main() {}
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __schema_check {
    ($contracts:expr $(,)?) => {
        $crate::schema::assert_released(
            ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/events.lock.json"),
            $contracts,
        )
    };
}

/// What [`check!`](super::check!) does, with a lock of any path.
///
/// # Panics
/// With the report, when the declarations and the lock differ; with `SHARED_SCHEMA=accept` only when a change breaks
/// somebody.
#[track_caller]
pub fn assert_released<C: Into<Contract>>(lock: impl AsRef<Path>, contracts: impl IntoIterator<Item = C>) {
    let contracts: Vec<Contract> = contracts.into_iter().map(Into::into).collect();
    let accept = std::env::var_os(ACCEPT_VARIABLE).is_some_and(|word| word == "accept");
    let checked = Lock::read(lock).and_then(|mut lock| {
        if !accept {
            return Ok(lock.check(&contracts));
        }
        let mut report = lock.check(&contracts);
        if report.is_compatible() {
            lock.accept(&contracts)?;
            lock.write()?;
            report = lock.check(&contracts);
        }
        Ok(report)
    });
    match checked {
        Ok(report) if report.is_empty() => {}
        Ok(report) => panic!("{report}"),
        Err(error) => panic!("{error}"),
    }
}
