//! Futures that are dropped before their end.

use std::future::poll_fn;
use std::task::Poll;

/// When a future is dropped after a number of steps.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// As soon as it begins to wait.
    Waiting,
    /// When what it waits for has come.
    Woken,
}

/// Drives a future that many steps and drops it; `Some` when it came to its end before.
pub async fn dropped_after<F: Future>(steps: usize, moment: Moment, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = steps;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 && matches!(moment, Moment::Waiting) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
