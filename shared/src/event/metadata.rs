//! What a subscriber may know about the event it handles, besides its payload.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::envelope::percent;
use super::fingerprint::Fingerprint;
use crate::context::{Context, Id, Trace};

/// Everything about a delivered event but its payload.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// The event's id, the same at every delivery: an idempotency key for effects outside the database. That of
    /// another producer may be unique together with its [`source`](Self::source) only.
    pub event_id: String,
    /// The event type's name.
    pub event_type: String,
    /// The version of the payload's schema, if the message states one.
    pub version: Option<u32>,
    /// The concrete subject.
    pub subject: String,
    /// Who published it (`ce-source`).
    pub source: Option<String>,
    /// When it happened.
    pub time: Option<DateTime<Utc>>,
    /// The ordering key.
    pub key: Option<String>,
    /// The position in the publishing database's outbox (CloudEvents extension `sequence`): within one
    /// key, a later commit has a higher number.
    pub sequence: Option<i64>,
    /// The id that all work with the same origin shares.
    pub correlation_id: Id,
    /// The event that caused this one.
    pub causation_id: Option<Id>,
    /// Who asked for it.
    pub actor: Option<Id>,
    /// On whose behalf.
    pub tenant: Option<Id>,
    /// The W3C trace.
    pub trace: Option<Trace>,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// What the event says, in few bytes; known once a subscription has taken it.
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl Metadata {
    /// What tells this event from all others. CloudEvents has ids unique within a source only: two producers that both
    /// count from one do not mean the same events. A UUID needs no source.
    pub(crate) fn identity(&self) -> Cow<'_, str> {
        match &self.source {
            Some(source) if Uuid::try_parse(&self.event_id).is_err() => {
                Cow::Owned(format!("{} {}", percent::encode(source), self.event_id))
            }
            _ => Cow::Borrowed(&self.event_id),
        }
    }

    /// The context in which the event is handled: same correlation, caused by this event.
    #[must_use]
    pub fn context(&self) -> Context {
        Context::of_event(
            self.correlation_id.clone(),
            Id::parse(&self.event_id),
            (self.actor.clone(), self.tenant.clone()),
            self.trace.as_ref().map(Trace::child),
        )
    }
}
