//! A circuit breaker for each subscription: while what it needs is away, nothing is fetched and nothing begun, but for
//! one try now and then.

use std::borrow::Cow;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The pause before the first try, and the longest one; it doubles in between.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// See the module.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: watch::Sender<State>,
}

/// What a subscription may do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Everything.
    Closed,
    Open(Outage),
}

/// Something that is needed is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outage {
    /// What is away, in words.
    pub(crate) what: Cow<'static, str>,
    pub(crate) since: Instant,
    /// When it is tried again.
    next: Instant,
    pause: Duration,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { state: watch::Sender::new(State::Closed) }
    }

    /// Something that a try needs was away. Returns whether it had been there a moment before: only then the try was the
    /// event's own, and counts.
    pub(crate) fn failed(&self, what: &str) -> bool {
        if planted!(NoPause) {
            return true;
        }
        let now = Instant::now();
        let mut was_closed = false;
        self.state.send_modify(|state| match state {
            State::Closed => {
                was_closed = true;
                tracing::warn!(missing = what, "paused: what the subscription needs is away");
                let pause = PAUSE.0;
                *state = State::Open(Outage {
                    what: what.to_owned().into(),
                    since: now,
                    next: now + jittered(pause),
                    pause,
                });
            }
            // not by those that were under way when it opened
            State::Open(outage) if outage.next <= now => {
                outage.pause = (outage.pause * 2).min(PAUSE.1);
                outage.next = now + jittered(outage.pause);
            }
            State::Open(_) => {}
        });
        was_closed
    }

    /// A try had everything that it needs.
    pub(crate) fn succeeded(&self) {
        self.state.send_if_modified(|state| match state {
            State::Closed => false,
            State::Open(outage) => {
                tracing::info!(missing = %outage.what, lasted = ?outage.since.elapsed(), "what was away is there again");
                *state = State::Closed;
                true
            }
        });
    }

    /// What is away.
    pub(crate) fn outage(&self) -> Option<Outage> {
        match &*self.state.borrow() {
            State::Closed => None,
            State::Open(outage) => Some(outage.clone()),
        }
    }

    /// How many tries may be begun while so many are under way.
    pub(crate) fn room(&self, running: usize, most: usize) -> usize {
        match &*self.state.borrow() {
            State::Closed => most.saturating_sub(running),
            State::Open(outage) => usize::from(running == 0 && outage.next <= Instant::now()),
        }
    }

    /// Follows it.
    pub(crate) fn watch(&self) -> Watch {
        Watch { state: self.state.subscribe() }
    }
}

/// Sees when a breaker opens and closes.
pub(crate) struct Watch {
    state: watch::Receiver<State>,
}

impl Watch {
    /// Waits until it has opened or closed, or it is time for another try. For ever, when nothing of it comes to pass.
    pub(crate) async fn changed(&mut self) {
        // what has changed since the last time counts: it is not marked as seen here
        let next = match &*self.state.borrow() {
            State::Open(outage) if outage.next > Instant::now() => Some(outage.next),
            _ => None,
        };
        tokio::select! {
            biased;
            // ends with the subscription
            Ok(()) = self.state.changed() => {}
            () = passed(next) => {}
        }
    }
}

/// Waits for a moment; without one, for ever.
async fn passed(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.75 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_try_at_a_time_until_one_succeeds() {
        let breaker = Breaker::new();
        assert_eq!(breaker.room(3, 16), 13);
        assert!(breaker.failed("the mail server"), "the first one counts");
        assert!(!breaker.failed("the mail server"), "the others do not");
        assert_eq!(breaker.room(0, 16), 0);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let before = Instant::now();
            breaker.watch().changed().await;
            pauses.push(before.elapsed());
            assert_eq!((breaker.room(0, 16), breaker.room(1, 16)), (1, 0));
            assert!(!breaker.failed("the mail server"));
        }
        assert!(pauses[0] <= PAUSE.0.mul_f64(1.25) && pauses[7] >= PAUSE.1.mul_f64(0.75), "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= PAUSE.1.mul_f64(1.26)), "{pauses:?}");
        assert_eq!(breaker.outage().map(|outage| outage.what), Some("the mail server".into()));

        breaker.succeeded();
        assert_eq!((breaker.outage(), breaker.room(0, 16)), (None, 16));
        assert!(breaker.failed("the mail server"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_watches_hears_of_each_change() {
        let breaker = Breaker::new();
        let mut watch = breaker.watch();
        assert!(futures_util::FutureExt::now_or_never(watch.changed()).is_none());
        breaker.failed("the database");
        watch.changed().await;
        breaker.succeeded();
        watch.changed().await;
        assert!(futures_util::FutureExt::now_or_never(watch.changed()).is_none());
    }
}
