//! What a relay does now and then: it deletes old rows, and says how it is doing.

use std::time::Duration;

use tokio::time::Instant;

use super::Relay;
use super::store::Store;
use super::transport::Transport;

/// How often old rows are deleted.
const PRUNE: Duration = Duration::from_secs(600);

/// How often the log says how the outbox is doing, while something happens.
const REPORT: Duration = Duration::from_secs(60);

/// What was done when.
#[derive(Default)]
pub(super) struct Chores {
    pruned: Option<Instant>,
    reported: Option<(Instant, u64)>,
}

impl<S: Store, T: Transport> Relay<S, T> {
    pub(super) async fn do_chores(&mut self) {
        // marks that failed before
        self.start_marking();
        self.prune().await;
        self.report().await;
    }

    async fn prune(&mut self) {
        if self.chores.pruned.is_some_and(|at| at.elapsed() < PRUNE) {
            return;
        }
        self.chores.pruned = Some(Instant::now());
        loop {
            match self.db.prune(self.retention).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(
                        error = error.report(),
                        "old rows of the outbox cannot be deleted; trying again later"
                    );
                    return;
                }
            }
        }
    }

    async fn report(&mut self) {
        let Some((at, published)) = self.chores.reported else {
            self.chores.reported = Some((Instant::now(), self.counters.published()));
            return;
        };
        if at.elapsed() < REPORT {
            return;
        }
        self.chores.reported = Some((Instant::now(), self.counters.published()));
        let Ok(metrics) = self.db.metrics(&self.counters).await else { return };
        if metrics.outbox.waiting > 0 || metrics.relay.published != published {
            metrics.log();
        }
    }
}
