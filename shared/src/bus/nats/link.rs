//! The connection that the relay publishes on. It never comes back: a client that connects again sends what it still has
//! in hand to whatever server it finds, and that may have gone back in time, so that a later event would come before the
//! ones that were lost. What is in hand here ends with the connection; another one takes its place, and is looked at first.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream;

use super::{NatsBus, connect, jetstream_context};
use crate::bus::Acked;
use crate::bus::batch::{BatchAcked, NotTaken};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::Outgoing;

/// How long a connection may take. The relay has other things to do meanwhile.
const OPEN: Duration = Duration::from_secs(3);

/// The relay's connection, if it has one.
pub(super) struct Links {
    url: String,
    config: Config,
    current: Mutex<Option<Arc<Link>>>,
    opened: AtomicU64,
}

pub(super) struct Link {
    client: async_nats::Client,
    pub(super) context: jetstream::Context,
    number: u64,
    /// The server has said that this user may not read messages.
    refused: Arc<AtomicBool>,
}

impl Links {
    pub(super) fn new(url: &str, config: &Config) -> Self {
        Self { url: url.to_owned(), config: config.clone(), current: Mutex::default(), opened: AtomicU64::new(0) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Link>>> {
        // it is replaced as a whole
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, while there is one.
    fn current(&self) -> Option<Arc<Link>> {
        self.lock().clone().filter(|link| link.client.connection_state() == State::Connected)
    }
}

impl NatsBus {
    /// Another number for each of the relay's connections, and after each repair of a stream or consumer.
    pub(in crate::bus) fn link(&self) -> Option<u64> {
        self.inner.links.current().map(|link| self.number(&link))
    }

    fn number(&self, link: &Link) -> u64 {
        link.number + self.inner.repairs.load(Ordering::Acquire)
    }

    /// Opens a connection in the place of one that was lost.
    pub(in crate::bus) async fn open_link(&self) -> Result<u64> {
        let links = &self.inner.links;
        // with it goes what was in hand
        self.close_link();
        let refused = Arc::new(AtomicBool::new(false));
        let connected = connect::connect_once(&links.url, &links.config, Arc::clone(&refused));
        let client = tokio::time::timeout(OPEN, connected).await;
        let client = client.unwrap_or(Err(Error::Timeout { what: "the relay's connection to NATS" }))?;
        let number = links.opened.fetch_add(1, Ordering::AcqRel) + 1;
        let link = Arc::new(Link { context: jetstream_context(&client), client, number, refused });
        *links.lock() = Some(Arc::clone(&link));
        Ok(self.number(&link))
    }

    pub(in crate::bus) fn close_link(&self) {
        drop(self.inner.links.lock().take());
    }

    /// Whom to ask what the server has: the one who is told to store something, if there is one.
    pub(super) fn linked_context(&self) -> jetstream::Context {
        self.inner.links.current().map_or_else(|| self.inner.context.clone(), |link| link.context.clone())
    }

    /// Whether messages can be asked for on the relay's connection, as far as is known.
    pub(in crate::bus) fn may_read(&self) -> bool {
        self.inner.links.current().is_none_or(|link| !link.refused.load(Ordering::Acquire))
    }

    /// Nobody hears this user's questions for messages.
    pub(super) fn note_refusal(&self) {
        if let Some(link) = self.inner.links.current() {
            link.refused.store(true, Ordering::Release);
        }
    }

    /// Sends over the connection of this number and no other.
    pub(in crate::bus) async fn send_on(&self, number: u64, event: &Outgoing) -> Result<Acked> {
        self.send_in(&self.numbered(number)?.context, event).await
    }

    /// The same with several as one.
    pub(in crate::bus) async fn send_batch_on(
        &self,
        number: u64,
        events: &[Cow<'_, Outgoing>],
    ) -> Result<BatchAcked, NotTaken> {
        self.send_batch_in(&self.numbered(number).map_err(NotTaken::Failed)?.context, events).await
    }

    fn numbered(&self, number: u64) -> Result<Arc<Link>> {
        let current = self.inner.links.current().filter(|link| self.number(link) == number);
        current.ok_or_else(|| super::unavailable("the relay's connection to the NATS server was lost"))
    }
}
