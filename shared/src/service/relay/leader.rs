//! Which process publishes the outbox: a lock that dies with its holder, and a lease for a holder that is neither dead nor
//! alive.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::seat::Seat;
use crate::db::relay_lease::Beat;
use crate::error::Result;

/// How often a standing-by process asks.
const ASK: Duration = Duration::from_millis(500);

/// How often a leader looks after its lock, and renews its lease.
const BEAT: Duration = Duration::from_secs(1);

/// The longest wait for the database's answer.
const ANSWER: Duration = Duration::from_secs(3);

/// How long a leader goes on without having heard that it still is the leader.
pub(super) const TRUST: Duration = Duration::from_secs(5);

/// How long a leader may be silent until another process takes its place. Longer than `TRUST`: it has stopped by then.
const PATIENCE: Duration = Duration::from_secs(10);

/// The right to publish the outbox of a database, held by one process at a time.
pub(crate) struct Leadership<S: Seat> {
    seat: S,
    /// `None`: somebody else holds the lock and does not move.
    lock: Option<S::Lock>,
    fence: Fence,
}

/// Whether a process that was the leader a moment ago still is: after a pause of any length it finds out before it does
/// anything. Measured by a clock that nobody sets.
#[derive(Clone)]
pub(crate) struct Fence {
    /// `None`: for ever.
    until: Option<Arc<Mutex<Instant>>>,
    epoch: Option<i64>,
}

impl Fence {
    const OPEN: Self = Self { until: None, epoch: None };

    fn of(epoch: i64, until: Instant) -> Self {
        Self { until: Some(Arc::new(Mutex::new(until))), epoch: Some(epoch) }
    }

    /// Whether this process may publish.
    pub(crate) fn holds(&self) -> bool {
        self.until.as_ref().is_none_or(|until| Instant::now() < *until.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of this leadership, if leaderships are numbered.
    pub(crate) fn epoch(&self) -> Option<i64> {
        self.epoch
    }

    /// Nothing may be published until the lease was renewed.
    pub(crate) fn doubt(&self) {
        self.set(Instant::now());
    }

    fn set(&self, moment: Instant) {
        if let Some(until) = &self.until {
            *until.lock().unwrap_or_else(PoisonError::into_inner) = moment;
        }
    }
}

/// A process that waits for its turn.
pub(crate) struct Candidate<S> {
    seat: S,
    /// Whether it may take the place of a leader that is silent: not where two would not hear of each other's events.
    impatient: bool,
    /// What the lease looked like, and since when.
    seen: Option<(Beat, Instant)>,
}

impl<S: Seat> Candidate<S> {
    pub(crate) fn new(seat: &S, impatient: bool) -> Self {
        Self { seat: seat.clone(), impatient, seen: None }
    }

    /// Asks for the lock; `None` after a pause when somebody else has it or the database is away.
    pub(crate) async fn ask(&mut self) -> Option<Leadership<S>> {
        let got = self.ask_once().await;
        if got.is_none() {
            tokio::time::sleep(ASK).await;
        }
        got
    }

    async fn ask_once(&mut self) -> Option<Leadership<S>> {
        let lock = self.seat.lock().await;
        if !self.impatient || !self.seat.is_server() {
            return lock.map(|lock| self.leadership(Some(lock), Fence::OPEN));
        }
        let asked = Instant::now();
        if let Some(lock) = lock {
            let epoch = limited(self.seat.take_lease()).await?;
            return Some(self.leadership(Some(lock), Fence::of(epoch, asked + TRUST)));
        }
        let beat = limited(self.seat.beat()).await?;
        match self.seen {
            Some((seen, since)) if seen == beat => {
                if since.elapsed() < PATIENCE {
                    return None;
                }
                self.seen = None;
                let epoch = limited(self.seat.take_lease_from(beat)).await??;
                tracing::warn!("the process that publishes the outbox has not moved for a while; this one takes over");
                Some(self.leadership(None, Fence::of(epoch, asked + TRUST)))
            }
            _ => {
                self.seen = Some((beat, asked));
                None
            }
        }
    }

    fn leadership(&self, lock: Option<S::Lock>, fence: Fence) -> Leadership<S> {
        Leadership { seat: self.seat.clone(), lock, fence }
    }
}

async fn limited<T>(work: impl Future<Output = Result<T>>) -> Option<T> {
    tokio::time::timeout(ANSWER, work).await.ok()?.ok()
}

impl<S: Seat> Leadership<S> {
    pub(crate) fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// Waits until the right is lost; for ever when it cannot be.
    pub(crate) async fn lost(&mut self) {
        if !self.seat.is_server() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(BEAT).await;
            if !self.is_locked().await || !self.is_leased().await {
                return;
            }
        }
    }

    async fn is_locked(&mut self) -> bool {
        match &mut self.lock {
            Some(lock) => self.seat.is_held(lock).await,
            None => true,
        }
    }

    /// Renews the lease. While the database does not answer it runs out by itself.
    async fn is_leased(&self) -> bool {
        let Some(epoch) = self.fence.epoch() else { return true };
        let asked = Instant::now();
        match limited(self.seat.renew_lease(epoch)).await {
            Some(true) => self.fence.set(asked + TRUST),
            Some(false) => {
                self.fence.doubt();
                return false;
            }
            None => {}
        }
        true
    }

    /// Gives the lock up at once, so that another process need not wait for the server to notice.
    pub(crate) async fn release(self) {
        if let Some(lock) = self.lock {
            self.seat.unlock(lock).await;
        }
    }
}
