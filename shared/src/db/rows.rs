//! A stream out of a future that sends: the future runs inside the stream and ends with it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use futures_util::stream::{self, BoxStream, StreamExt};

use super::dialect::Row;
use crate::error::Result;

/// Where the future puts a row, and the stream takes it from: one at a time, so the reader sets the pace.
pub(super) struct Sink(Slot);

type Slot = Arc<Mutex<Option<Result<Row>>>>;

impl Sink {
    /// Hands over a row; returns when the stream is asked for the next one.
    pub(super) async fn send(&self, row: Result<Row>) {
        swap(&self.0, Some(row));
        let mut has_waited = false;
        poll_fn(move |_| if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

fn swap(slot: &Slot, row: Option<Result<Row>>) -> Option<Result<Row>> {
    // replaced as a whole: a panic elsewhere leaves nothing half-written
    std::mem::replace(&mut *slot.lock().unwrap_or_else(PoisonError::into_inner), row)
}

pub(super) fn stream<F>(produce: impl FnOnce(Sink) -> F) -> BoxStream<'static, Result<Row>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let slot = Slot::default();
    let mut producer = Some(Box::pin(produce(Sink(Arc::clone(&slot)))));
    stream::poll_fn(move |context| {
        let Some(producing) = &mut producer else { return Poll::Ready(None) };
        let is_done = producing.as_mut().poll(context).is_ready();
        let row = swap(&slot, None);
        if is_done {
            // gives the connection back
            producer = None;
        }
        // without a row the producer waits for the database, which wakes this task
        if row.is_none() && !is_done { Poll::Pending } else { Poll::Ready(row) }
    })
    .boxed()
}
