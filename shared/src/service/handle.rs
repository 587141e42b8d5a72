//! One event through one subscription: decode, validate, begin, inbox, handler, outbox, commit.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::breaker::Breaker;
use super::extract::States;
use super::pace::Pace;
use super::store::{Around, Store, Transaction as _};
use super::subscriber::{OnUnknown, Prepared, Subscriber};
use crate::bus::Bus;
use crate::context::Context;
use crate::db::fence::{self, Fence};
use crate::db::inbox::{self, Repeated};
use crate::db::{self, Db, failure};
use crate::error::{DecodeCode, DecodeError, Error, Result};
use crate::event::{Delivered, Draft, EventInfo, Fingerprint, Incoming, Metadata};
use crate::time::Clock;

/// Everything one subscription needs to handle events.
pub(crate) struct Subscription<S: Store = Db> {
    /// The durable name: `{service}_{handler}`.
    pub(crate) durable: String,
    pub(crate) subscriber: Subscriber,
    pub(crate) db: S,
    pub(crate) bus: Bus,
    pub(crate) states: Arc<States>,
    pub(crate) clock: Option<Clock>,
    pub(crate) breaker: Breaker,
    pub(crate) pace: Pace,
}

/// What becomes of a message after a try.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Acknowledge it: handled, known already, or parked.
    Done,
    /// It was to be replayed, but its letter does not wait any more.
    Gone,
    /// Try it again after the pause.
    Again {
        pause: Duration,
        /// Whether the try counts. A try that failed because the database is away does not.
        counts: bool,
    },
}

/// Where a message comes from, for its transactions.
#[derive(Clone, Copy)]
struct Origin<'a> {
    /// The dead letter that is replayed.
    letter: Option<Uuid>,
    fence: Option<&'a Fence>,
}

/// How often a try is made again at once.
const AT_ONCE: u32 = 3;

/// What is away when the database is.
const DATABASE: &str = "the database";

/// The pause while something is away.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);

impl<S: Store> Subscription<S> {
    /// Handles a message; `attempt` is the number of this try, from 1. With a `letter` it is the replay of that dead
    /// letter, which counts as replayed from the moment at which its event is handled or parked again.
    /// With a `fence` nothing of it comes about once another process has taken over.
    pub(crate) async fn handle(
        &self,
        message: &Delivered,
        attempt: u32,
        letter: Option<Uuid>,
        fence: Option<&Fence>,
    ) -> Verdict {
        let origin = Origin { letter, fence };
        let (mut incoming, envelope) = self.parse(message, attempt);
        if letter.is_some() {
            incoming.metadata.fingerprint = Some(Fingerprint::of(&incoming));
        }
        let (span, context) = (self.span(&incoming.metadata), self.context(&incoming.metadata));
        let work = async {
            let result = match envelope {
                Ok(()) => self.try_at_once(&incoming, origin).await,
                Err(error) => Err(Error::Decode(error)),
            };
            match result {
                Ok(verdict) => {
                    self.breaker.succeeded();
                    self.pace.succeeded(1);
                    verdict
                }
                Err(error) => {
                    // it may be parked, and is noted then in any case
                    incoming.metadata.fingerprint = Some(Fingerprint::of(&incoming));
                    self.judge(message, &incoming.metadata, error, origin).await
                }
            }
        };
        context.scope(work).instrument(span).await
    }

    pub(super) fn span(&self, metadata: &Metadata) -> Span {
        tracing::info_span!(
            "handle",
            subscription = %self.durable,
            event_id = %metadata.event_id,
            event_type = known_type(&self.subscriber, metadata).map_or("unknown", |event| event.event_type),
            correlation_id = %metadata.correlation_id,
            attempt = metadata.attempt,
        )
    }

    /// The context in which an event is handled.
    pub(super) fn context(&self, metadata: &Metadata) -> Context {
        self.on_clock(metadata.context())
    }

    /// That of a call with several events: they may have little in common.
    pub(super) fn context_of_all<'a>(&self, mut events: impl Iterator<Item = &'a Metadata>) -> Context {
        let mut context = Context::new();
        if let Some(first) = events.next() {
            let rest: Vec<&Metadata> = events.collect();
            if rest.is_empty() {
                return self.context(first);
            }
            if rest.iter().all(|event| event.correlation_id == first.correlation_id) {
                context = context.correlation(first.correlation_id.as_str());
            }
        }
        self.on_clock(context)
    }

    fn on_clock(&self, context: Context) -> Context {
        match &self.clock {
            Some(clock) => context.with_clock(clock.clone()),
            None => context,
        }
    }

    /// Reads the envelope. Of a message that is too large only the headers are looked at.
    pub(super) fn parse(&self, message: &Delivered, attempt: u32) -> (Incoming, std::result::Result<(), DecodeError>) {
        let (mut incoming, envelope) = self.read(message);
        incoming.metadata.attempt = attempt;
        if self.subscriber.spec.transactional || self.subscriber.spec.inbox {
            incoming.metadata.fingerprint = Some(Fingerprint::of(&incoming));
        }
        (incoming, envelope)
    }

    fn read(&self, message: &Delivered) -> (Incoming, std::result::Result<(), DecodeError>) {
        if message.payload.len() <= self.db.max_payload() {
            return crate::event::parse(message);
        }
        let (incoming, _) = crate::event::parse(&Delivered { payload: Bytes::new(), ..message.clone() });
        let what = match known_type(&self.subscriber, &incoming.metadata) {
            Some(event) => event.event_type,
            None => "unknown",
        };
        let error = DecodeError { what: what.into(), path: String::new(), code: DecodeCode::TooLarge };
        (incoming, Err(error))
    }

    /// A try that lost against another transaction, or whose connection broke, is made again at once, a few times before
    /// it counts.
    async fn try_at_once(&self, incoming: &Incoming, origin: Origin<'_>) -> Result<Verdict> {
        let mut again = 0;
        loop {
            match self.try_once(incoming, origin).await {
                Err(error) if again < AT_ONCE && (db::lost(&error) || failure::is_connection(&error)) => {
                    let pause = Duration::from_micros(fastrand::u64(1_000..5_000) << (2 * again));
                    tracing::debug!(error = error.report(), ?pause, "trying again at once");
                    tokio::time::sleep(pause).await;
                    again += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_once(&self, incoming: &Incoming, origin: Origin<'_>) -> Result<Verdict> {
        let prepared = match self.subscriber.handler.prepare(incoming) {
            Err(Error::Decode(error))
                if error.code == DecodeCode::UnknownType && self.subscriber.spec.on_unknown == OnUnknown::Skip =>
            {
                tracing::debug!("skipped: the subscription does not know this event type");
                return match origin.letter {
                    Some(_) => self.begin_and_commit(&incoming.metadata, origin).await,
                    None => Ok(Verdict::Done),
                };
            }
            prepared => prepared?,
        };
        if self.subscriber.spec.transactional {
            self.in_transaction(prepared, &incoming.metadata, origin).await
        } else if self.subscriber.spec.inbox || origin.letter.is_some() {
            self.at_least_once(prepared, &incoming.metadata, origin).await
        } else {
            self.unnoted(prepared, &incoming.metadata).await
        }
    }

    /// The handler runs, and nothing is noted of it: the event may come again, so it has nothing to publish.
    async fn unnoted(&self, prepared: Box<dyn Prepared>, metadata: &Metadata) -> Result<Verdict> {
        match self.guarded(prepared, None, metadata).await?.as_slice() {
            [] => Ok(Verdict::Done),
            _ => Err(Error::Usage("a subscriber without the inbox returned events; let it have the inbox".into())),
        }
    }

    /// The handler's database effects, its events and the inbox row commit together.
    async fn in_transaction(
        &self,
        prepared: Box<dyn Prepared>,
        metadata: &Metadata,
        origin: Origin<'_>,
    ) -> Result<Verdict> {
        let mut tx = match self.begin(metadata, origin).await? {
            ControlFlow::Continue(tx) => tx,
            ControlFlow::Break(verdict) => return Ok(verdict),
        };
        let drafts = self.guarded(prepared, Some(&mut tx), metadata).await?;
        for draft in drafts {
            tx.publish(draft)?;
        }
        tx.commit().await?;
        Ok(Verdict::Done)
    }

    /// The handler runs outside of any transaction: after a crash it runs again. What it returns is still
    /// published once, with the inbox row.
    async fn at_least_once(
        &self,
        prepared: Box<dyn Prepared>,
        metadata: &Metadata,
        origin: Origin<'_>,
    ) -> Result<Verdict> {
        // what was parked is in the inbox too
        if origin.letter.is_none() && self.db.contains(&self.durable, metadata).await? {
            return self.repeated(&inbox::id_of(metadata), metadata).await;
        }
        let drafts = self.guarded(prepared, None, metadata).await?;
        let tx = match self.begin(metadata, origin).await? {
            ControlFlow::Continue(tx) => tx,
            ControlFlow::Break(verdict) => return Ok(verdict),
        };
        for draft in drafts {
            tx.publish(draft)?;
        }
        tx.commit().await?;
        Ok(Verdict::Done)
    }

    /// Opens the transaction in which the event counts as handled, unless it is known already. The letter of a
    /// replay counts as replayed in the same transaction, so whatever interrupts the replay leaves it waiting.
    async fn begin(&self, metadata: &Metadata, origin: Origin<'_>) -> Result<ControlFlow<Verdict, S::Tx>> {
        let begun = self.begin_as(inbox::id_of(metadata), metadata, origin).await?;
        Ok(begun.map_continue(|(tx, _)| tx))
    }

    /// The same under an id of the inbox; returns the one that it came to be: the letter of a replay knows its own.
    async fn begin_as(
        &self,
        id: String,
        metadata: &Metadata,
        origin: Origin<'_>,
    ) -> Result<ControlFlow<Verdict, (S::Tx, String)>> {
        let tx = self.db.begin(origin.fence).await?;
        let id = match origin.letter {
            None => id,
            Some(letter) => match tx.take_letter(letter, &self.durable, metadata).await? {
                Some(id) => id,
                None => {
                    tx.rollback().await?;
                    return Ok(ControlFlow::Break(Verdict::Gone));
                }
            },
        };
        if !tx.note(&self.durable, &id, metadata).await? {
            tx.rollback().await?;
            return self.repeated(&id, metadata).await.map(ControlFlow::Break);
        }
        Ok(ControlFlow::Continue((tx, id)))
    }

    async fn begin_and_commit(&self, metadata: &Metadata, origin: Origin<'_>) -> Result<Verdict> {
        match self.begin(metadata, origin).await? {
            ControlFlow::Continue(tx) => tx.commit().await.map(|()| Verdict::Done),
            ControlFlow::Break(verdict) => Ok(verdict),
        }
    }

    /// An id that is known: the same event again, which is counted, or another one, which is refused.
    async fn repeated(&self, id: &str, metadata: &Metadata) -> Result<Verdict> {
        match self.db.repeated(&self.durable, id, metadata).await? {
            Repeated::Same => {
                tracing::debug!("suppressed: this event was handled before");
                Ok(Verdict::Done)
            }
            Repeated::Other => {
                let known = known_type(&self.subscriber, metadata);
                Err(Error::IdReused { event_type: known.map_or("unknown", |event| event.event_type).into() })
            }
            Repeated::Gone => Ok(Verdict::Again { pause: Duration::ZERO, counts: false }),
        }
    }

    /// Runs the handler with its deadline; a panic counts as an error.
    pub(super) async fn guarded(
        &self,
        prepared: Box<dyn Prepared>,
        tx: Option<&mut S::Tx>,
        metadata: &Metadata,
    ) -> Result<Vec<Draft>> {
        let pattern = self.subscriber.spec.pattern;
        let around = Around { bus: &self.bus, metadata, pattern, states: &self.states };
        let call = AssertUnwindSafe(self.db.call(prepared, tx, around)).catch_unwind();
        let begun = Instant::now();
        let ended = tokio::time::timeout(self.subscriber.spec.timeout, call).await;
        self.pace.took(begun.elapsed());
        match ended {
            Err(_) => Err(Error::Timeout { what: "the handler" }),
            Ok(Ok(result)) => result,
            // the panic's message may contain anything, so it is not repeated
            Ok(Err(_panic)) => Err(Error::other("the handler panicked; see the panic message on standard error")),
        }
    }

    async fn judge(&self, message: &Delivered, metadata: &Metadata, error: Error, origin: Origin<'_>) -> Verdict {
        if fence::is_lost(&error) {
            tracing::warn!("another process has taken the subscription over; nothing was done here");
            return Verdict::Again { pause: OUTAGE_PAUSE, counts: false };
        }
        let retry = &self.subscriber.spec.retry;
        let outage = matches!(
            error,
            Error::Unavailable { .. } | Error::Busy { .. } | Error::Timeout { .. } | Error::Database(_)
        );
        let exhausted = matches!(&error, Error::Database(error) if error.is_exhaustion());
        if exhausted || outage && self.db.ping().await.is_err() {
            tracing::warn!(error = error.report(), "the database is away; the event waits");
            self.breaker.failed(DATABASE);
            return Verdict::Again { pause: OUTAGE_PAUSE, counts: false };
        }
        match &error {
            Error::Unavailable { what, .. } if !failure::is_connection(&error) => {
                if !self.breaker.failed(what) {
                    tracing::debug!(error = error.report(), "still away; the event waits");
                    return Verdict::Again { pause: OUTAGE_PAUSE, counts: false };
                }
            }
            // which say nothing about what it needs
            Error::Timeout { .. } | Error::Busy { .. } => {}
            _ => self.breaker.succeeded(),
        }
        if !error.is_permanent() && metadata.attempt < retry.max {
            let pause = retry.pause(metadata.attempt);
            tracing::warn!(error = error.report(), ?pause, "the event could not be handled; trying again");
            self.pace.failed(1);
            return Verdict::Again { pause, counts: true };
        }
        let (error, parked) = match self.park(message, metadata, &error, origin).await {
            // it cannot be handled, and its id is that of an event that was
            Err(reused @ Error::IdReused { .. }) => {
                let parked = self.park(message, metadata, &reused, origin).await;
                (reused, parked)
            }
            parked => (error, parked),
        };
        match parked {
            Ok(ControlFlow::Break(verdict)) => verdict,
            Ok(ControlFlow::Continue(())) => {
                tracing::error!(
                    error = error.report(),
                    "the event is parked; see it with `dead-letters list`, bring it back with `dead-letters replay`"
                );
                Verdict::Done
            }
            Err(parking) => {
                tracing::error!(error = parking.report(), "the event could not be parked; trying again");
                self.breaker.failed(DATABASE);
                Verdict::Again { pause: OUTAGE_PAUSE, counts: false }
            }
        }
    }

    /// The dead letter and the inbox row commit together: parked once, however often it is delivered.
    async fn park(
        &self,
        message: &Delivered,
        metadata: &Metadata,
        error: &Error,
        origin: Origin<'_>,
    ) -> Result<ControlFlow<Verdict>> {
        let reused = matches!(error, Error::IdReused { .. });
        // the event that had the id first keeps it
        let id = if reused { inbox::id_apart(metadata) } else { inbox::id_of(metadata) };
        let (tx, id) = match self.begin_as(id, metadata, origin).await? {
            ControlFlow::Continue(begun) => begun,
            ControlFlow::Break(verdict) => return Ok(ControlFlow::Break(verdict)),
        };
        tx.park(&self.durable, &id, message, metadata, error).await?;
        if reused {
            tx.count_reused_id(&self.durable).await?;
        }
        tx.commit().await.map(ControlFlow::Continue)
    }
}

/// The event type, if it is one that the subscription knows: any other text comes from outside and stays out of
/// the log.
fn known_type(subscriber: &Subscriber, metadata: &Metadata) -> Option<&'static EventInfo> {
    subscriber.events.iter().copied().find(|event| event.event_type == metadata.event_type)
}
