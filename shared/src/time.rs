//! The time as this library stores and sends it: UTC, in whole microseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::context::Context;

/// The current time, truncated to microseconds: Postgres keeps no more (`timestamptz`), so what is read
/// back equals what was written.
///
/// Inside a task that runs under a [`Clock`] (a test's, say), the time is that clock's.
///
/// ```
/// let now = shared::time::now();
/// assert_eq!(now.timestamp_subsec_nanos() % 1_000, 0);
/// ```
#[must_use]
pub fn now() -> DateTime<Utc> {
    Context::with_current(|context| context.and_then(|context| context.clock().map(Clock::now)))
        .unwrap_or_else(|| truncate(Utc::now()))
}

/// Drops what is finer than a microsecond.
#[must_use]
pub fn truncate(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

/// A clock that a test can move. It runs with the system's clock, ahead of or behind it by what it was
/// moved.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_micros: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that shows the system's time until it is moved.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This clock's time, in whole microseconds.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let offset = TimeDelta::microseconds(self.offset_micros.load(Ordering::Relaxed));
        truncate(Utc::now().checked_add_signed(offset).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// Moves the clock, forwards or (with a negative span) backwards. All clones move along.
    pub fn advance(&self, span: TimeDelta) {
        let micros = span.num_microseconds().unwrap_or(i64::MAX);
        self.offset_micros.fetch_add(micros, Ordering::Relaxed);
    }
}
