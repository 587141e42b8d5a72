//! What the relay needs of a bus.

use futures_util::stream::BoxStream;

use crate::bus::batch::{BatchAcked, NotTaken};
use crate::bus::{Acked, Bus, StreamState};
use crate::error::Result;
use crate::event::Outgoing;

/// Where events go, and what is there. See `Bus`, which says what each of these does.
pub(crate) trait Transport: Clone + Send + Sync + 'static {
    /// Whether it stores nothing: it acknowledges what was handled.
    fn is_local(&self) -> bool;
    fn link(&self) -> Option<u64>;
    fn open_link(&self) -> impl Future<Output = Result<u64>> + Send;
    fn close_link(&self);
    fn prepare(&self, event: &Outgoing) -> impl Future<Output = Result<()>> + Send;
    /// What is sent never reaches the bus over another connection than this one.
    fn send_on(&self, link: u64, event: &Outgoing) -> impl Future<Output = Result<Acked>> + Send;
    fn batches(&self) -> bool;
    /// As [`send_on`](Self::send_on), several as one.
    fn send_batch_on(
        &self,
        link: u64,
        events: &[&Outgoing],
    ) -> impl Future<Output = Result<BatchAcked, NotTaken>> + Send;
    fn stream_state(&self, stream: &str) -> impl Future<Output = Result<Option<StreamState>>> + Send;
    fn stored_id(&self, stream: &str, sequence: i64) -> impl Future<Output = Result<Option<String>>> + Send;
    fn may_read(&self) -> bool;
    fn nudge(&self, token: &str) -> impl Future<Output = ()> + Send;
    fn nudges(&self, token: &str) -> impl Future<Output = BoxStream<'static, ()>> + Send;
}

impl Transport for Bus {
    fn is_local(&self) -> bool {
        self.kind() == "local"
    }

    fn link(&self) -> Option<u64> {
        Bus::link(self)
    }

    async fn open_link(&self) -> Result<u64> {
        Bus::open_link(self).await
    }

    fn close_link(&self) {
        Bus::close_link(self);
    }

    async fn prepare(&self, event: &Outgoing) -> Result<()> {
        Bus::prepare(self, event).await
    }

    async fn send_on(&self, link: u64, event: &Outgoing) -> Result<Acked> {
        Bus::send_on(self, link, event).await
    }

    fn batches(&self) -> bool {
        Bus::batches(self)
    }

    async fn send_batch_on(&self, link: u64, events: &[&Outgoing]) -> Result<BatchAcked, NotTaken> {
        Bus::send_batch_on(self, link, events).await
    }

    async fn stream_state(&self, stream: &str) -> Result<Option<StreamState>> {
        Bus::stream_state(self, stream).await
    }

    async fn stored_id(&self, stream: &str, sequence: i64) -> Result<Option<String>> {
        Bus::stored_id(self, stream, sequence).await
    }

    fn may_read(&self) -> bool {
        Bus::may_read(self)
    }

    async fn nudge(&self, token: &str) {
        Bus::nudge(self, token).await;
    }

    async fn nudges(&self, token: &str) -> BoxStream<'static, ()> {
        Bus::nudges(self, token).await
    }
}
