//! How delivery is doing, in numbers: for dashboards and alarms.

use std::time::Duration;

use super::relay::Counters;
use crate::db::Db;
use crate::error::Result;

/// How delivery is doing; see [`Running::metrics`](super::Running::metrics).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// The outbox of the database, whichever process publishes it.
    pub outbox: OutboxMetrics,
    /// What this process has published out of it.
    pub relay: RelayMetrics,
}

/// What waits in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxMetrics {
    /// How many events wait to be published.
    pub waiting: u64,
    /// How long the oldest of them has waited; `None` when none waits.
    pub oldest: Option<Duration>,
    /// How many events wait for their time.
    pub scheduled: u64,
}

/// What the relay of this process has done since it was started. Of several processes on one database one publishes at a
/// time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayMetrics {
    /// Whether it is this process that publishes at the moment.
    pub leading: bool,
    /// How many events the bus has taken.
    pub published: u64,
    /// How often the bus did not take an event; each is tried again.
    pub failures: u64,
    /// How many events the broker had acknowledged and lost, so that they were published again.
    pub replayed: u64,
    /// How long the last published event took from the moment it was made until the bus had taken it.
    pub lag: Duration,
}

impl Metrics {
    pub(super) async fn read(db: &Db, counters: &Counters) -> Result<Self> {
        let (waiting, oldest) = db.outbox().backlog().await?;
        let oldest = oldest.map(|at| crate::time::now().signed_duration_since(at).to_std().unwrap_or_default());
        Ok(Self {
            outbox: OutboxMetrics { waiting, oldest, scheduled: db.outbox().scheduled().await? },
            relay: RelayMetrics {
                leading: counters.is_leading(),
                published: counters.published(),
                failures: counters.failures(),
                replayed: counters.replayed(),
                lag: counters.lag(),
            },
        })
    }

    /// One line in the log.
    pub(super) fn log(&self) {
        tracing::info!(
            waiting = self.outbox.waiting,
            oldest = ?self.outbox.oldest.unwrap_or_default(),
            published = self.relay.published,
            failures = self.relay.failures,
            replayed = self.relay.replayed,
            lag = ?self.relay.lag,
            "outbox"
        );
    }
}
