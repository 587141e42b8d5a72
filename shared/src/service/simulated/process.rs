//! A process: what runs in it runs on, stands still, or is gone.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use super::broker::Later;

#[derive(Default)]
pub(super) struct Process {
    pub(super) id: usize,
    frozen: AtomicBool,
    was_frozen: AtomicBool,
    /// It will, or it will be gone, at its next statement.
    doomed: AtomicBool,
    met: Notify,
    thawed: Notify,
    sleepers: Mutex<Vec<Waker>>,
    dead: AtomicBool,
    /// Whether its connection to the broker is broken, and whether it ever was.
    cut: AtomicBool,
    was_cut: AtomicBool,
    /// What it says to the broker when the connection is back.
    unsaid: Mutex<Vec<Later>>,
    /// How many messages it has.
    pub(super) held: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    pub(super) fn new(id: usize) -> Arc<Self> {
        Arc::new(Self { id, ..Self::default() })
    }

    /// Waits while it stands still.
    pub(super) async fn pass(&self) {
        while self.is_dead() || self.frozen.load(Ordering::Relaxed) {
            // nobody wakes up in a process that is gone
            self.thawed.notified().await;
        }
    }

    pub(super) fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
        self.was_frozen.store(true, Ordering::Relaxed);
    }

    /// Whether it ever did.
    pub(super) fn stood_still(&self) -> bool {
        self.was_frozen.load(Ordering::Relaxed)
    }

    /// Lets it stand still at its next statement; waits for that, for a while.
    pub(super) async fn freeze_midway(&self) {
        self.doomed.store(true, Ordering::Relaxed);
        let _none_came = tokio::time::timeout(Duration::from_secs(2), self.met.notified()).await;
        self.doomed.store(false, Ordering::Relaxed);
        self.freeze();
    }

    /// A statement is on its way.
    pub(super) fn meets(&self) {
        if self.doomed.swap(false, Ordering::Relaxed) {
            self.freeze();
            self.met.notify_one();
        }
    }

    pub(super) fn thaw(&self) {
        self.frozen.store(false, Ordering::Relaxed);
        self.thawed.notify_waiters();
        lock(&self.sleepers).drain(..).for_each(Waker::wake);
    }

    pub(super) fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// What it wanted to say meanwhile is returned when its connection is back.
    pub(super) fn cut(&self, cut: bool) -> Vec<Later> {
        self.cut.store(cut, Ordering::Relaxed);
        self.was_cut.fetch_or(cut, Ordering::Relaxed);
        if cut { Vec::new() } else { std::mem::take(&mut *lock(&self.unsaid)) }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    pub(super) fn was_cut(&self) -> bool {
        self.was_cut.load(Ordering::Relaxed)
    }

    pub(super) fn say_later(&self, later: Later) {
        lock(&self.unsaid).push(later);
    }
}

/// A task of a process: while that stands still, it does too, and time goes on.
pub(super) struct Task<F> {
    process: Arc<Process>,
    work: Pin<Box<F>>,
}

impl<F: Future> Task<F> {
    pub(super) fn new(process: &Arc<Process>, work: F) -> Self {
        Self { process: Arc::clone(process), work: Box::pin(work) }
    }
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.process.frozen.load(Ordering::Relaxed) {
            lock(&self.process.sleepers).push(context.waker().clone());
            return Poll::Pending;
        }
        self.work.as_mut().poll(context)
    }
}
