//! When the broker can be trusted, and what happens when it has gone back in time: the events that it has lost are
//! published again under their ids, before any newer ones.

use std::time::Duration;

use tokio::time::Instant;

use super::audit::{Found, Why, audit};
use super::batches::Batches;
use super::store::Store;
use super::transport::Transport;
use super::{POLL, RETRY, Relay};
use crate::bus::Ack;
use crate::db::ledger::Look;
use crate::db::outbox::Pending;
use crate::error::{Error, Result};
use crate::event::subject;

/// How often the broker is compared with the ledger while nothing suggests it.
const AUDIT: Duration = Duration::from_secs(60);

/// The most events that are made unpublished by one statement.
const BATCH: i64 = 2_000;

impl<S: Store, T: Transport> Relay<S, T> {
    /// Whether this process publishes, to a broker that has everything that it has acknowledged. After a new connection,
    /// and from time to time, that is found out first.
    pub(super) async fn may_send(&mut self) -> bool {
        if self.bus.is_local() {
            // it acknowledges what was handled
            self.audited = self.bus.link();
            return true;
        }
        if !self.fence.holds() {
            self.poll = POLL.1;
            return false;
        }
        let link = match self.bus.link() {
            Some(link) => Some(link),
            None => self.open_link().await,
        };
        if link.is_none() {
            self.poll = POLL.1;
            return false;
        }
        let now = Instant::now();
        if self.audited == link && now < self.audit_at {
            return true;
        }
        let was_sure = self.audited.take() == link;
        match self.audit().await {
            Ok(()) => {
                if std::mem::take(&mut self.relinked) {
                    // what was on its way over the connection before is not acknowledged any more
                    self.start_over();
                }
                self.audited = link;
                if !was_sure {
                    // nothing has failed for a reason that is still there
                    self.retry_at = now;
                }
                self.audit_at = Instant::now() + AUDIT;
                true
            }
            Err(error) => {
                tracing::warn!(
                    error = error.report(),
                    "whether the server has all events that it acknowledged cannot be found out; trying again"
                );
                self.poll = RETRY;
                false
            }
        }
    }

    async fn open_link(&mut self) -> Option<u64> {
        if Instant::now() < self.link_at {
            return None;
        }
        match self.bus.open_link().await {
            Ok(link) => {
                self.relinked = true;
                Some(link)
            }
            Err(error) => {
                // the client's own connection says so in the log
                tracing::debug!(error = error.report(), "no connection to publish on; trying again");
                self.link_at = Instant::now() + RETRY;
                None
            }
        }
    }

    /// The connection to send on, if what [`may_send`](Self::may_send) has found still holds.
    pub(super) fn sure(&self) -> Option<u64> {
        self.audited.filter(|_| self.audited == self.bus.link() && self.fence.holds())
    }

    /// Whether an acknowledgement says what it seems to. One that has come over a new connection may be of a broker that
    /// has gone back, and one with a position that was given before certainly is.
    pub(super) fn believes(&mut self, pending: &Pending, floor: u64, ack: &Ack) -> bool {
        if self.audited.is_none() || self.audited != self.bus.link() {
            return false;
        }
        let domain = subject::domain(&pending.event.subject);
        match self.floors.get_mut(domain) {
            Some((stream, _)) if *stream == ack.stream && !ack.duplicate && ack.sequence <= floor => {
                self.audited = None;
                return false;
            }
            Some((stream, highest)) if *stream == ack.stream => *highest = ack.sequence.max(*highest),
            _ if ack.sequence > 0 => {
                self.floors.insert(domain.to_owned(), (ack.stream.clone(), ack.sequence));
                // so that the stream is known again if another one takes its place
                self.audit_at = Instant::now();
            }
            _ => {}
        }
        true
    }

    async fn audit(&mut self) -> Result<()> {
        // so that the ledger has everything that was acknowledged
        self.mark_all().await;
        if !self.marking.is_empty() {
            return Err(Error::Unavailable { what: "published events cannot be marked".into(), source: None });
        }
        for stream in self.db.streams().await? {
            if let Found::GoneBack { to, why } = audit(&self.db, &self.bus, &stream).await? {
                self.replay(&stream, to, why).await?;
            }
        }
        Ok(())
    }

    /// Makes everything above a position of a stream unpublished, and begins from the start.
    async fn replay(&mut self, stream: &str, to: i64, why: Why) -> Result<()> {
        // before the first row: whatever interrupts this, no newer event goes out before the rows are read
        self.start_over();
        let mut events = 0;
        loop {
            match self.db.unpublish_above(stream, to, BATCH).await? {
                0 => break,
                some => events += some,
            }
        }
        match (self.db.look(stream).await?, self.db.last_between(stream, 0, to).await?) {
            // What is left is in this stream: should it be deleted before it is looked at again, another one of its name
            // must not be taken for it.
            (Some(look), Some(entry)) => self.db.note(stream, &Look { entry, ..look }).await?,
            _ => self.db.forget(stream).await?,
        }
        self.counters.replay(events);
        tracing::warn!(stream, position = to, events, "{}; events that it lost are published again", why.as_str());
        Ok(())
    }

    /// Forgets what is on its way: it stays unpublished, and is read again in its place.
    fn start_over(&mut self) {
        self.in_flight.clear();
        self.known.clear();
        self.lanes.clear();
        self.batches = self.bus.batches().then(|| Batches::new(self.window));
        self.stalled.clear();
        self.marking.clear();
        self.floors.clear();
        self.position = 0;
    }
}
