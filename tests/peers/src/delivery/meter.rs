//! What is counted while events are handled.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;

use super::contest;
use crate::allocator;

/// What a run has taken.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Events in a second.
    pub rate: f64,
    /// What this process has computed for each, in nanoseconds.
    pub computed: f64,
    /// Allocations for each.
    pub allocations: f64,
}

#[derive(Clone, Copy)]
struct Moment {
    events: usize,
    at: Instant,
    computed: f64,
    allocations: u64,
}

impl Moment {
    fn now(events: usize) -> Self {
        Self { events, at: Instant::now(), computed: computed(), allocations: allocator::made() }
    }

    fn since(self, begun: Self) -> Sample {
        let events = (self.events - begun.events) as f64;
        Sample {
            rate: events / self.at.duration_since(begun.at).as_secs_f64(),
            computed: (self.computed - begun.computed) / events,
            allocations: (self.allocations - begun.allocations) as f64 / events,
        }
    }
}

/// Nanoseconds that this process has computed. Under valgrind, where instructions are counted, there is no such clock.
fn computed() -> f64 {
    if contest::counts() {
        return 0.0;
    }
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// What a piece of work with so many events takes.
pub async fn timed(events: usize, work: impl Future<Output = ()>) -> Sample {
    let begun = Moment::now(0);
    work.await;
    Moment::now(events).since(begun)
}

/// Counts the events of a run, whoever handles them. One run at a time.
pub struct Meter {
    seen: AtomicUsize,
    mark: AtomicUsize,
    all: AtomicUsize,
    moments: Mutex<(Option<Moment>, Option<Moment>)>,
    ended: Notify,
}

pub static METER: Meter = Meter {
    seen: AtomicUsize::new(0),
    mark: AtomicUsize::new(usize::MAX),
    all: AtomicUsize::new(usize::MAX),
    moments: Mutex::new((None, None)),
    ended: Notify::const_new(),
};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(300);

impl Meter {
    /// A run of so many events begins.
    pub fn begin(&self, events: usize) {
        *self.moments.lock().unwrap_or_else(PoisonError::into_inner) = (None, None);
        self.seen.store(0, Ordering::SeqCst);
        self.mark.store((events / 20).max(1), Ordering::SeqCst);
        self.all.store(events, Ordering::SeqCst);
    }

    /// So many events are done with.
    pub fn tick(&self, events: usize) {
        let before = self.seen.fetch_add(events, Ordering::SeqCst);
        let now = before + events;
        let crosses = |line: &AtomicUsize| {
            let line = line.load(Ordering::SeqCst);
            before < line && now >= line
        };
        if crosses(&self.mark) {
            let moment = Moment::now(now);
            self.moments.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(moment);
        }
        if crosses(&self.all) {
            let moment = Moment::now(now);
            self.moments.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(moment);
            self.ended.notify_one();
        }
    }

    /// How many are done with.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// Waits until all are.
    pub async fn ended(&self) -> Sample {
        let ended = tokio::time::timeout(PATIENCE, self.ended.notified()).await;
        assert!(ended.is_ok(), "only {} events were handled", self.seen());
        let (begun, ended) = *self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, ended) = begun.zip(ended).expect("both lines were crossed");
        ended.since(begun)
    }
}
