//! Waiting for a condition instead of sleeping.

use std::fmt::{Debug, Display};
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// Tries `condition` until it returns `Ok`, and returns its value.
///
/// `Err` means "not yet" and says what was seen instead. Each try is cut off at the deadline, so a
/// condition that hangs fails too. The pause between two tries grows from 5 ms to 100 ms.
///
/// ```
/// # use std::{cell::Cell, time::Duration};
/// # use tests::{equal, eventually};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let rows = Cell::new(0);
/// eventually(Duration::from_secs(5), async || {
///     rows.set(rows.get() + 1);
///     equal(rows.get(), 3)
/// })
/// .await;
/// # }
/// ```
///
/// # Panics
/// When the deadline passes; the message holds what was last seen and the place of the call.
#[track_caller]
pub fn eventually<T, E: Display, Tried: Future<Output = Result<T, E>>>(
    within: Duration,
    mut condition: impl FnMut() -> Tried,
) -> impl Future<Output = T> {
    let place = Location::caller();
    async move {
        let deadline = Instant::now() + within;
        let mut pause = Duration::from_millis(5);
        let mut seen = None;
        loop {
            match timeout_at(deadline, condition()).await {
                Ok(Ok(value)) => return value,
                Ok(Err(error)) => seen = Some(error.to_string()),
                Err(_) => break,
            }
            if Instant::now() + pause >= deadline {
                break;
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
        let seen = seen.unwrap_or_else(|| "nothing: the condition never answered".to_owned());
        panic!("not within {within:?} at {place}; last seen: {seen}")
    }
}

/// `Ok` when both are equal, otherwise an error that shows both: for conditions of [`eventually`].
///
/// # Errors
/// When the two differ.
pub fn equal<A: PartialEq<B> + Debug, B: Debug>(seen: A, expected: B) -> Result<(), String> {
    if seen == expected { Ok(()) } else { Err(format!("{seen:?}, expected {expected:?}")) }
}
