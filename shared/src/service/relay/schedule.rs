//! Scheduled events become due.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::store::Store;
use super::transport::Transport;
use super::{POLL, Relay};
use crate::time::Clock;

/// The most events that become due in one transaction.
const BATCH: i64 = 500;

/// When the next event is due, as far as it is known.
pub(super) struct Schedule {
    clock: Option<Clock>,
    next: Option<DateTime<Utc>>,
    look_at: Instant,
}

impl Schedule {
    pub(super) fn new(clock: Option<Clock>) -> Self {
        Self { clock, next: None, look_at: Instant::now() }
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.as_ref().map_or_else(crate::time::now, Clock::now)
    }

    /// At most that long, and no longer than until the next event is due.
    pub(super) fn pause(&self, most: Duration) -> Duration {
        match self.next {
            // one that is due already could not be taken
            Some(next) => most.min((next - self.now()).to_std().unwrap_or(POLL.1)),
            None => most,
        }
    }
}

impl<S: Store, T: Transport> Relay<S, T> {
    /// Puts what has become due into the outbox. Other processes schedule events too, so the next one is looked for from
    /// time to time.
    pub(super) async fn release(&mut self) {
        let due = |schedule: &Schedule| schedule.next.is_some_and(|next| next <= schedule.now());
        let looked = self.db.take_scheduled();
        if !looked && Instant::now() < self.schedule.look_at && !due(&self.schedule) || !self.fence.holds() {
            return;
        }
        self.schedule.look_at = Instant::now() + POLL.1;
        let released = async {
            let mut next = self.db.next_due().await?;
            while next.is_some_and(|next| next <= self.schedule.now())
                && self.db.release_due(self.schedule.now(), BATCH).await? > 0
            {
                next = self.db.next_due().await?;
            }
            Ok::<_, crate::Error>(next)
        };
        match released.await {
            Ok(next) => self.schedule.next = next,
            Err(error) => {
                self.schedule.next = None;
                tracing::warn!(error = error.report(), "scheduled events cannot be looked at; trying again");
            }
        }
    }
}
