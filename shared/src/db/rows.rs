//! A stream out of a future that sends: the future runs inside the stream and ends with it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::stream::{self, BoxStream, StreamExt};

use super::dialect::Row;
use crate::error::Result;

/// The most rows that wait for the reader: each time the future is asked for more costs as much as decoding a column.
const ROWS: usize = 32;

/// Where the future puts rows, and the stream takes them from, so the reader sets the pace.
pub(super) struct Sink(Arc<Mutex<Queue>>);

type Queue = VecDeque<Result<Row>>;

impl Sink {
    /// Hands over a row; when many wait, returns once the stream is asked for more.
    pub(super) async fn send(&self, row: Result<Row>) {
        let is_full = {
            let mut queue = lock(&self.0);
            queue.push_back(row);
            queue.len() >= ROWS
        };
        if is_full {
            let mut has_waited = false;
            poll_fn(|_| if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    // a row is pushed, or all of them are taken: a panic elsewhere leaves nothing half-written
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn stream<F>(produce: impl FnOnce(Sink) -> F) -> BoxStream<'static, Result<Row>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let slot = Arc::new(Mutex::new(Queue::with_capacity(ROWS)));
    let mut taken = Queue::with_capacity(ROWS);
    let mut producer = Some(Box::pin(produce(Sink(Arc::clone(&slot)))));
    stream::poll_fn(move |context| {
        if let Some(row) = taken.pop_front() {
            return Poll::Ready(Some(row));
        }
        let Some(producing) = &mut producer else { return Poll::Ready(None) };
        let is_done = producing.as_mut().poll(context).is_ready();
        std::mem::swap(&mut *lock(&slot), &mut taken);
        if is_done {
            // gives the connection back
            producer = None;
        }
        match taken.pop_front() {
            // without a row the producer waits for the database, which wakes this task
            None if !is_done => Poll::Pending,
            row => Poll::Ready(row),
        }
    })
    .boxed()
}
