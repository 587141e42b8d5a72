//! Runs of this library's own logic over models of what it depends on: in simulated time, one run for each seed of a
//! random generator, with faults that real servers show once a year, and the same run again for the same seed.
//!
//! A scenario is an async function of a [`Sim`]. It decides with the generator of the `Sim` alone, waits in tokio's time
//! alone, which goes on only when nothing else can, and says which promise is broken by [`Sim::breaks`].
//!
//! Two runs of one seed would differ by: `select!` without `biased`, the order of a `HashMap`, the system's clock and
//! `std::time::Instant`, ids made of them, `spawn_blocking`, other threads. `fastrand`'s own generator starts from the
//! seed, too.

mod promise;
mod run;

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::promise::Broken;
pub(crate) use self::promise::Promise;
pub(crate) use self::run::Simulation;

/// The most decisions of one run: one that takes more goes round in circles.
const DECISIONS: u32 = 50_000;

/// One run: its generator, what was seen, and what was found to be broken. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sim {
    inner: Arc<Inner>,
}

struct Inner {
    started: Instant,
    random: Mutex<fastrand::Rng>,
    decisions: AtomicU32,
    /// Kept only when somebody will read it.
    trace: Option<Mutex<Vec<String>>>,
    broken: Mutex<Vec<Broken>>,
}

impl Sim {
    /// Inside the run's runtime.
    fn new(seed: u64, traced: bool) -> Self {
        let inner = Inner {
            started: Instant::now(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            decisions: AtomicU32::new(0),
            trace: traced.then(Mutex::default),
            broken: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    fn random(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.count();
        lock(&self.inner.random)
    }

    fn count(&self) {
        let decisions = self.inner.decisions.fetch_add(1, Ordering::Relaxed);
        assert!(decisions < DECISIONS, "the run goes round in circles");
    }

    /// `true` so many times in a hundred.
    pub(crate) fn chance(&self, percent: u32) -> bool {
        if percent == 0 {
            self.count();
            return false;
        }
        self.random().u32(..100) < percent
    }

    /// A number.
    pub(crate) fn among(&self, range: RangeInclusive<u64>) -> u64 {
        self.random().u64(range)
    }

    /// One of some.
    pub(crate) fn pick<'a, T>(&self, some: &'a [T]) -> &'a T {
        let place = self.random().usize(..some.len());
        &some[place]
    }

    /// Waits for some milliseconds.
    pub(crate) async fn pause(&self, millis: RangeInclusive<u64>) {
        tokio::time::sleep(Duration::from_millis(self.among(millis))).await;
    }

    /// The simulated time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.inner.started.elapsed()
    }

    /// Notes what happens, for whoever looks for the reason.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.inner.trace {
            let line = format!("{:>9.3} s  {}", self.elapsed().as_secs_f64(), line());
            lock(trace).push(line);
        }
    }

    /// A promise is broken. The run goes on.
    pub(crate) fn breaks(&self, promise: Promise, how: impl Into<String>) {
        let broken = Broken { promise: Some(promise), how: how.into() };
        self.note(|| format!("BROKEN  {broken}"));
        lock(&self.inner.broken).push(broken);
    }

    /// Whether something was found to be broken.
    pub(crate) fn is_broken(&self) -> bool {
        !lock(&self.inner.broken).is_empty()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // a run that has panicked is reported as such, with what it left behind
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
