//! How a transaction runs.

use std::time::Duration;

use super::dialect::Engine;
use crate::error::Error;

/// What a transaction sees of those that run at the same time.
///
/// SQLite has one level: its transactions are always serializable, since one writes at a time and a reader sees the
/// database as it was when it began. So what is right here on Postgres is right on SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what was committed before it began.
    #[default]
    ReadCommitted,
    /// All statements see what was committed before the first one. A write to a row that somebody else changed
    /// meanwhile fails; see [`TxOptions::retry`].
    RepeatableRead,
    /// As if transactions had run one after another. Where that cannot be kept, one of them fails; see
    /// [`TxOptions::retry`].
    Serializable,
}

/// How [`Db::transaction_with`](super::Db::transaction_with) runs a transaction.
///
/// ```
/// use shared::db::{Isolation, TxOptions};
///
/// let report = TxOptions::new().isolation(Isolation::RepeatableRead).read_only();
/// let transfer = TxOptions::new().isolation(Isolation::Serializable).retry(5);
/// # assert_ne!(report, transfer);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct TxOptions {
    isolation: Isolation,
    read_only: bool,
    retries: u32,
}

impl TxOptions {
    /// Read committed, reading and writing, without retries: what [`Db::transaction`](super::Db::transaction) does.
    pub const fn new() -> Self {
        Self { isolation: Isolation::ReadCommitted, read_only: false, retries: 0 }
    }

    /// At this level.
    pub const fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Refuses writes, on both engines. On SQLite it does not wait for the one that writes.
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Runs the whole closure again, up to so many times, when the transaction lost against another one: after a
    /// serialization failure or a deadlock, or when another program holds the lock of a SQLite file. Each run begins
    /// anew: nothing that an earlier one wrote, published or registered for after the commit is left of it. What a
    /// run does outside of the database is done again.
    pub const fn retry(mut self, times: u32) -> Self {
        self.retries = times;
        self
    }

    pub(super) const fn refuses_writes(&self) -> bool {
        self.read_only
    }

    /// The statement that opens the transaction.
    pub(super) const fn begin(&self, engine: Engine) -> &'static str {
        match (engine, self.isolation, self.read_only) {
            // a deferred transaction that becomes a writer gets SQLITE_BUSY at once, whatever the busy timeout
            (Engine::Sqlite, _, false) => "BEGIN IMMEDIATE",
            (Engine::Sqlite, _, true) => "BEGIN DEFERRED",
            // said each time: the server's default may be another level
            (Engine::Postgres, Isolation::ReadCommitted, false) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            (Engine::Postgres, Isolation::ReadCommitted, true) => "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
            (Engine::Postgres, Isolation::RepeatableRead, false) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE",
            (Engine::Postgres, Isolation::RepeatableRead, true) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            (Engine::Postgres, Isolation::Serializable, false) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
            (Engine::Postgres, Isolation::Serializable, true) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
        }
    }

    /// The pause before the next run, after `runs` of them; `None` when this error ends it.
    pub(super) fn pause(&self, error: &Error, runs: u32) -> Option<Duration> {
        if runs > self.retries || !lost(error) {
            return None;
        }
        let longest = 4_u64.saturating_mul(1 << runs.min(7));
        Some(Duration::from_micros(fastrand::u64(longest * 250..=longest * 1_000)))
    }
}

/// Whether the transaction lost against another one, also when the closure has wrapped the error into its own.
pub(crate) fn lost(error: &Error) -> bool {
    match error {
        Error::Database(error) => error.is_serialization(),
        Error::Busy { what } => *what == super::failure::FILE,
        Error::Other { source, permanent: false } => {
            let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&**source);
            while let Some(error) = cause {
                if let Some(error) = error.downcast_ref::<Error>() {
                    return lost(error);
                }
                cause = error.source();
            }
            false
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DatabaseError;

    fn serialization() -> Error {
        Error::Database(DatabaseError { engine: "postgres", code: Some("40001".into()), what: "".into() })
    }

    #[test]
    fn only_what_was_lost_is_run_again_and_only_as_often_as_asked() {
        let options = TxOptions::new().retry(2);
        assert!(options.pause(&serialization(), 1).is_some());
        assert!(options.pause(&Error::other(serialization()), 2).is_some(), "also as a cause");
        assert!(options.pause(&serialization(), 3).is_none());
        assert!(options.pause(&Error::permanent(serialization()), 1).is_none());
        assert!(options.pause(&Error::Stale { entity: "Ward" }, 1).is_none());
        assert!(TxOptions::new().pause(&serialization(), 1).is_none());
    }

    #[test]
    fn pauses_grow_to_half_a_second() {
        for runs in 1..80 {
            let pause = TxOptions::new().retry(100).pause(&serialization(), runs).unwrap();
            assert!(pause <= Duration::from_millis(512), "{pause:?}");
        }
    }
}
