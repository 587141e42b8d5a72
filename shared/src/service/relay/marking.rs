//! Noting what the bus took: one statement for many events, beside the sending of the next ones.

use std::time::Duration;

use tokio::task::JoinSet;

use super::Relay;
use super::store::Store;
use super::transport::Transport;
use crate::db::outbox::Published;
use crate::error::Result;

/// The most acknowledged events that are collected before anything else is looked at.
pub(super) const MARK: usize = 500;

/// The pause after a statement that failed, and the longest one; it doubles in between.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What is acknowledged, and what of it is being noted.
#[derive(Default)]
pub(super) struct Marking {
    acked: Vec<Published>,
    under_way: Vec<Published>,
    // at most one; it ends with the relay
    statement: JoinSet<Result<u64>>,
    /// Before the next statement, since the last one failed.
    pause: Duration,
}

impl Marking {
    pub(super) fn push(&mut self, published: Published) {
        self.acked.push(published);
    }

    /// How many wait for the next statement.
    pub(super) fn waiting(&self) -> usize {
        self.acked.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.acked.is_empty() && self.under_way.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Begins to note what waits, unless something is being noted.
    fn start(&mut self, db: &impl Store, epoch: Option<i64>) {
        if self.acked.is_empty() || !self.under_way.is_empty() {
            return;
        }
        self.under_way = std::mem::take(&mut self.acked);
        let (db, batch, pause) = (db.clone(), self.under_way.clone(), self.pause);
        self.statement.spawn(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            db.mark(&batch, epoch).await
        });
    }

    /// The database has not taken the last statement: the next one waits a while.
    fn put_off(&mut self, batch: Vec<Published>) {
        self.pause = (self.pause * 2).clamp(PAUSE.0, PAUSE.1);
        self.acked.extend(batch);
    }

    /// Waits for the end of the statement under way, with what it has noted; `None` when there is none.
    pub(super) async fn next(&mut self) -> Option<(Vec<Published>, Result<u64>)> {
        let result = self.statement.join_next().await?;
        let result = result.unwrap_or_else(|_| Err(crate::bus::unavailable("the runtime is shutting down")));
        Some((std::mem::take(&mut self.under_way), result))
    }
}

impl<S: Store, T: Transport> Relay<S, T> {
    /// Begins to note what waits.
    pub(super) fn start_marking(&mut self) {
        self.marking.start(&self.db, self.fence.epoch());
    }

    pub(super) fn marked(&mut self, batch: Vec<Published>, result: Result<u64>) {
        match result {
            Ok(rows) => {
                self.marking.pause = Duration::ZERO;
                if rows == 0 {
                    // another process may have taken over
                    self.fence.doubt();
                }
                for done in batch {
                    self.known.remove(done.seq);
                }
            }
            Err(error) => {
                // they stay known, so they are not sent again, and are marked with the next ones
                tracing::warn!(error = error.report(), "published events cannot be marked; trying again");
                self.marking.put_off(batch);
            }
        }
    }

    /// Notes everything that is acknowledged, as far as the database takes it.
    pub(super) async fn mark_all(&mut self) {
        // what is under way, and then the rest
        for _ in 0..2 {
            self.start_marking();
            if let Some((batch, result)) = self.marking.next().await {
                self.marked(batch, result);
            }
        }
    }
}
