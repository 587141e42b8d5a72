//! How many messages of a subscription are worth one transaction.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How long the handlers of one transaction may take together. Slow handlers have one each, and run side by side.
const BUDGET: Duration = Duration::from_millis(20);

/// The most messages in one transaction.
pub(super) const MOST: usize = 256;

/// After something has failed: how many must succeed until more of them are tried together.
const CALM: usize = 32;

/// What is known of a subscription's handler. Its numbers are read and written apart: they are a guess.
#[derive(Debug)]
pub(crate) struct Pace {
    /// How long a call takes, in microseconds, later ones counting more; 0 when none has ended yet.
    call: AtomicU64,
    /// The most messages that are tried together, when nothing fails.
    top: usize,
    /// The most that are now.
    cap: AtomicUsize,
    /// How many have succeeded since the cap was changed.
    calm: AtomicUsize,
}

impl Pace {
    pub(crate) fn new(top: usize) -> Self {
        Self { call: AtomicU64::new(0), top, cap: AtomicUsize::new(top), calm: AtomicUsize::new(0) }
    }

    /// A call has taken that long.
    pub(crate) fn took(&self, call: Duration) {
        let new = u64::try_from(call.as_micros()).unwrap_or(u64::MAX).clamp(1, u64::from(u32::MAX));
        let old = self.call.load(Ordering::Relaxed);
        let call = if old == 0 { new } else { (old * 7).saturating_add(new).div_ceil(8) };
        self.call.store(call, Ordering::Relaxed);
    }

    /// How many messages a transaction may have whose handlers run one after another.
    pub(crate) fn most(&self) -> usize {
        let budget = u64::try_from(BUDGET.as_micros()).unwrap_or(u64::MAX);
        // before the first call nobody knows
        let fit = budget.checked_div(self.call.load(Ordering::Relaxed)).unwrap_or(1);
        usize::try_from(fit).unwrap_or(usize::MAX).min(self.cap()).max(1)
    }

    /// The most messages that are tried together, however long they take.
    pub(crate) fn cap(&self) -> usize {
        self.cap.load(Ordering::Relaxed).max(1)
    }

    /// So many messages together have failed, or were made to; for a while no more than that are tried.
    pub(crate) fn failed(&self, most: usize) {
        self.cap.store(most.clamp(1, self.cap()), Ordering::Relaxed);
        self.calm.store(0, Ordering::Relaxed);
    }

    /// So many messages have succeeded.
    pub(crate) fn succeeded(&self, messages: usize) {
        let cap = self.cap();
        if cap < self.top && self.calm.fetch_add(messages, Ordering::Relaxed) + messages >= CALM {
            self.cap.store((cap * 2).min(self.top), Ordering::Relaxed);
            self.calm.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_handlers_share_a_transaction_and_slow_ones_do_not() {
        let pace = Pace::new(MOST);
        assert_eq!(pace.most(), 1, "nobody knows yet");
        pace.took(Duration::from_micros(200));
        assert_eq!(pace.most(), 100);
        pace.took(Duration::from_micros(1));
        assert!((100..MOST).contains(&pace.most()), "{}", pace.most());
        for _ in 0..100 {
            pace.took(Duration::from_secs(1));
        }
        assert_eq!((pace.most(), pace.cap()), (1, MOST));
        pace.took(Duration::from_secs(u64::MAX));
        assert_eq!(pace.most(), 1);
    }

    #[test]
    fn what_has_failed_is_tried_in_smaller_groups_for_a_while() {
        let pace = Pace::new(MOST);
        pace.took(Duration::from_micros(1));
        assert_eq!(pace.most(), MOST);
        pace.failed(1);
        assert_eq!(pace.most(), 1);
        (1..CALM).for_each(|_| pace.succeeded(1));
        assert_eq!(pace.most(), 1);
        pace.succeeded(1);
        assert_eq!(pace.most(), 2);
        (0..20).for_each(|_| pace.succeeded(CALM));
        assert_eq!(pace.most(), MOST);
    }
}
