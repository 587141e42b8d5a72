//! What this process's relay has done.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::Utc;

use crate::event::Outgoing;

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    leading: AtomicBool,
    published: AtomicU64,
    failures: AtomicU64,
    replayed: AtomicU64,
    lag_micros: AtomicU64,
}

impl Counters {
    pub(super) fn lead(&self, leading: bool) {
        self.leading.store(leading, Ordering::Relaxed);
    }

    /// The bus has taken an event.
    pub(super) fn took(&self, event: &Outgoing) {
        self.published.fetch_add(1, Ordering::Relaxed);
        let lag = Utc::now().signed_duration_since(event.time).num_microseconds();
        // 0 when the clock was set back
        self.lag_micros.store(lag.and_then(|lag| u64::try_from(lag).ok()).unwrap_or(0), Ordering::Relaxed);
    }

    /// The bus has not taken an event.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The broker has lost events, which are published again.
    pub(super) fn replay(&self, events: u64) {
        self.replayed.fetch_add(events, Ordering::Relaxed);
    }

    pub(crate) fn is_leading(&self) -> bool {
        self.leading.load(Ordering::Relaxed)
    }

    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(crate) fn replayed(&self) -> u64 {
        self.replayed.load(Ordering::Relaxed)
    }

    pub(crate) fn lag(&self) -> Duration {
        Duration::from_micros(self.lag_micros.load(Ordering::Relaxed))
    }
}
