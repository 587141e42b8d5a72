//! One event through one subscription: decode, validate, begin, inbox, handler, outbox, commit.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tracing::Instrument;
use uuid::Uuid;

use super::extract::{Call, Parts, States};
use super::subscriber::{OnUnknown, Prepared, Subscriber};
use crate::bus::Bus;
use crate::db::inbox::{self, Repeated};
use crate::db::{Db, Tx, dead_letter};
use crate::error::{DecodeCode, DecodeError, Error, Result};
use crate::event::{Delivered, Draft, EventInfo, Fingerprint, Incoming, Metadata};
use crate::time::Clock;

/// Everything one subscription needs to handle events.
pub(crate) struct Subscription {
    /// The durable name: `{service}_{handler}`.
    pub(crate) durable: String,
    pub(crate) subscriber: Subscriber,
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) states: Arc<States>,
    pub(crate) clock: Option<Clock>,
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

/// The pause while the database is away.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);

impl Subscription {
    /// Handles a message; `attempt` is the number of this try, from 1. With a `letter` it is the replay of that dead
    /// letter, which counts as replayed from the moment at which its event is handled or parked again.
    pub(crate) async fn handle(&self, message: &Delivered, attempt: u32, letter: Option<Uuid>) -> Verdict {
        let (mut incoming, envelope) = self.parse(message);
        incoming.metadata.attempt = attempt;
        incoming.metadata.fingerprint = Some(Fingerprint::of(&incoming));
        let metadata = incoming.metadata.clone();
        let span = tracing::info_span!(
            "handle",
            subscription = %self.durable,
            event_id = %metadata.event_id,
            event_type = known_type(&self.subscriber, &metadata).map_or("unknown", |event| event.event_type),
            correlation_id = %metadata.correlation_id,
            attempt,
        );
        let mut context = metadata.context();
        if let Some(clock) = &self.clock {
            context = context.with_clock(clock.clone());
        }
        let work = async {
            let result = match envelope {
                Ok(()) => self.try_once(incoming, letter).await,
                Err(error) => Err(Error::Decode(error)),
            };
            match result {
                Ok(verdict) => verdict,
                Err(error) => self.judge(message, &metadata, error, letter).await,
            }
        };
        context.scope(work).instrument(span).await
    }

    /// Reads the envelope. Of a message that is too large only the headers are looked at.
    fn parse(&self, message: &Delivered) -> (Incoming, std::result::Result<(), DecodeError>) {
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

    async fn try_once(&self, incoming: Incoming, letter: Option<Uuid>) -> Result<Verdict> {
        let prepared = match self.subscriber.handler.prepare(&incoming) {
            Err(Error::Decode(error))
                if error.code == DecodeCode::UnknownType && self.subscriber.spec.on_unknown == OnUnknown::Skip =>
            {
                tracing::debug!("skipped: the subscription does not know this event type");
                return match letter {
                    Some(_) => self.begin_and_commit(&incoming.metadata, letter).await,
                    None => Ok(Verdict::Done),
                };
            }
            prepared => prepared?,
        };
        if self.subscriber.spec.transactional {
            self.in_transaction(prepared, &incoming.metadata, letter).await
        } else {
            self.at_least_once(prepared, &incoming.metadata, letter).await
        }
    }

    /// The handler's database effects, its events and the inbox row commit together.
    async fn in_transaction(
        &self,
        prepared: Box<dyn Prepared>,
        metadata: &Metadata,
        letter: Option<Uuid>,
    ) -> Result<Verdict> {
        let mut tx = match self.begin(metadata, letter).await? {
            ControlFlow::Continue(tx) => tx,
            ControlFlow::Break(verdict) => return Ok(verdict),
        };
        let drafts = self.guarded(prepared, Some(&mut tx), metadata).await?;
        for draft in drafts {
            tx.publish_draft(draft)?;
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
        letter: Option<Uuid>,
    ) -> Result<Verdict> {
        // what was parked is in the inbox too
        if letter.is_none() && inbox::contains(&self.db.executor(), &self.durable, metadata).await? {
            return self.repeated(&inbox::id_of(metadata), metadata).await;
        }
        let drafts = self.guarded(prepared, None, metadata).await?;
        let tx = match self.begin(metadata, letter).await? {
            ControlFlow::Continue(tx) => tx,
            ControlFlow::Break(verdict) => return Ok(verdict),
        };
        for draft in drafts {
            tx.publish_draft(draft)?;
        }
        tx.commit().await?;
        Ok(Verdict::Done)
    }

    /// Opens the transaction in which the event counts as handled, unless it is known already. The letter of a
    /// replay counts as replayed in the same transaction, so whatever interrupts the replay leaves it waiting.
    async fn begin(&self, metadata: &Metadata, letter: Option<Uuid>) -> Result<ControlFlow<Verdict, Tx>> {
        let begun = self.begin_as(inbox::id_of(metadata), metadata, letter).await?;
        Ok(begun.map_continue(|(tx, _)| tx))
    }

    /// The same under an id of the inbox; returns the one that it came to be: the letter of a replay knows its own.
    async fn begin_as(
        &self,
        id: String,
        metadata: &Metadata,
        letter: Option<Uuid>,
    ) -> Result<ControlFlow<Verdict, (Tx, String)>> {
        let tx = Tx::begin(&self.db).await?;
        let executor = tx.executor();
        let id = match letter {
            None => id,
            Some(letter) => match dead_letter::take(&executor, letter, &self.durable, metadata).await? {
                Some(id) => id,
                None => {
                    tx.rollback().await?;
                    return Ok(ControlFlow::Break(Verdict::Gone));
                }
            },
        };
        if !inbox::insert(&executor, &self.durable, &id, metadata).await? {
            tx.rollback().await?;
            return self.repeated(&id, metadata).await.map(ControlFlow::Break);
        }
        Ok(ControlFlow::Continue((tx, id)))
    }

    async fn begin_and_commit(&self, metadata: &Metadata, letter: Option<Uuid>) -> Result<Verdict> {
        match self.begin(metadata, letter).await? {
            ControlFlow::Continue(tx) => tx.commit().await.map(|()| Verdict::Done),
            ControlFlow::Break(verdict) => Ok(verdict),
        }
    }

    /// An id that is known: the same event again, which is counted, or another one, which is refused.
    async fn repeated(&self, id: &str, metadata: &Metadata) -> Result<Verdict> {
        match inbox::repeated(&self.db.executor(), &self.durable, id, metadata).await? {
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
    async fn guarded(
        &self,
        prepared: Box<dyn Prepared>,
        tx: Option<&mut Tx>,
        metadata: &Metadata,
    ) -> Result<Vec<Draft>> {
        let pattern = self.subscriber.spec.pattern;
        let parts = Parts { db: &self.db, bus: &self.bus, metadata, pattern, states: &self.states };
        let call = AssertUnwindSafe(prepared.call(Call { tx, parts })).catch_unwind();
        match tokio::time::timeout(self.subscriber.spec.timeout, call).await {
            Err(_) => Err(Error::Timeout { what: "the handler" }),
            Ok(Ok(result)) => result,
            // the panic's message may contain anything, so it is not repeated
            Ok(Err(_panic)) => Err(Error::other("the handler panicked; see the panic message on standard error")),
        }
    }

    async fn judge(&self, message: &Delivered, metadata: &Metadata, error: Error, letter: Option<Uuid>) -> Verdict {
        let retry = &self.subscriber.spec.retry;
        let outage = matches!(
            error,
            Error::Unavailable { .. } | Error::Busy { .. } | Error::Timeout { .. } | Error::Database(_)
        );
        let exhausted = matches!(&error, Error::Database(error) if error.is_exhaustion());
        if exhausted || outage && self.db.ping().await.is_err() {
            tracing::warn!(error = error.report(), "the database is away; the event waits");
            return Verdict::Again { pause: OUTAGE_PAUSE, counts: false };
        }
        if !error.is_permanent() && metadata.attempt < retry.max {
            let pause = retry.pause(metadata.attempt);
            tracing::warn!(error = error.report(), ?pause, "the event could not be handled; trying again");
            return Verdict::Again { pause, counts: true };
        }
        let (error, parked) = match self.park(message, metadata, &error, letter).await {
            // it cannot be handled, and its id is that of an event that was
            Err(reused @ Error::IdReused { .. }) => {
                let parked = self.park(message, metadata, &reused, letter).await;
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
        letter: Option<Uuid>,
    ) -> Result<ControlFlow<Verdict>> {
        let reused = matches!(error, Error::IdReused { .. });
        // the event that had the id first keeps it
        let id = if reused { inbox::id_apart(metadata) } else { inbox::id_of(metadata) };
        let (tx, id) = match self.begin_as(id, metadata, letter).await? {
            ControlFlow::Continue(begun) => begun,
            ControlFlow::Break(verdict) => return Ok(ControlFlow::Break(verdict)),
        };
        dead_letter::insert(&tx.executor(), &self.durable, &id, message, metadata, error).await?;
        if reused {
            inbox::count_reused_id(&tx.executor(), &self.durable).await?;
        }
        tx.commit().await.map(ControlFlow::Continue)
    }
}

/// The event type, if it is one that the subscription knows: any other text comes from outside and stays out of
/// the log.
fn known_type(subscriber: &Subscriber, metadata: &Metadata) -> Option<&'static EventInfo> {
    subscriber.events.iter().copied().find(|event| event.event_type == metadata.event_type)
}
