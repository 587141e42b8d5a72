//! The wire format: CloudEvents 1.0 over NATS.
//!
//! Written as each subject's [`Shape`] says, read in every shape. Binary mode and structured mode are those of the
//! [specification](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) with its JSON format; header
//! values are percent-encoded as in its HTTP binding.
//!
//! | attribute | binary mode | structured | flat | written from | read |
//! |---|---|---|---|---|---|
//! | `specversion` | `ce-specversion` | member | header | `1.0` | `1.x`; anything else is refused |
//! | `id` | `ce-id`, `Nats-Msg-Id` | member | `event_id` | a UUIDv7 | any text; beyond 128 bytes the message's place in its stream is the id |
//! | `source` | `ce-source` | member | header | `/` and the service's name | up to 256 bytes |
//! | `type` | `ce-type` | member | `event_type` | the event type's name, up to 255 bytes | required, always |
//! | `time` | `ce-time` | member | `timestamp` | the transaction's clock, in microseconds | RFC 3339, else as if absent |
//! | `dataschema` | `ce-dataschema` | member | header | `urn:event:{type}/v{version}` | the version, where it has that form |
//! | `datacontenttype` | `content-type` | member | header | `application/json` | `*/json` and `*/*+json` in UTF-8; absent is JSON |
//! | `correlationid` | `ce-correlationid` | member | `correlation_id` | the context | an [`Id`](crate::context::Id), else a new one |
//! | `causationid` | `ce-causationid` | member | header | the id of the event that is being handled | an `Id`, else none |
//! | `actor`, `tenant` | `ce-actor`, `ce-tenant` | member | header | the context | an `Id`, else none |
//! | `key` | `ce-key` | member | header | the event's `key` | any text; `partitionkey` when there is none |
//! | `sequence` | `ce-sequence` | member | header | the position in the outbox, 20 digits | a number, else none |
//! | `traceparent`, `tracestate` | headers of that name | member and header | header | the context | W3C, else none; `ce-traceparent` too |
//!
//! An event that states a `specversion` must have `id`, `source` and `type` too. A binary message without it needs no
//! more than `ce-type`, and flat JSON no more than `event_type`: the place in the stream is its id then. All headers
//! together have at most [`MAX_HEADERS_BYTES`].
//!
//! What contradicts the specification is parked with its reason: an attribute that is missing, given twice or of a
//! wrong type (`attribute`), another version (`spec_version`), data that is not JSON (`content_type`), a batch
//! (`batch`). Attributes that are not in the table are ignored. Names of headers compare without case, those of
//! members do not.

mod attributes;
mod binary;
mod flat;
mod media;
pub(crate) mod percent;
mod seal;
mod shape;
mod structured;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use self::attributes::Attributes;
use self::media::Media;
pub use self::shape::{Shape, Shapes};
use super::{Headers, Metadata};
use crate::error::{DecodeCode, DecodeError, Result};

/// The most bytes that names and values of all headers may have together.
pub const MAX_HEADERS_BYTES: usize = 16 * 1024;

/// An event on its way out: encoded, with its id and its headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The event's id, also the broker's deduplication id.
    pub id: Uuid,
    /// The concrete subject.
    pub subject: String,
    /// The event type's name.
    pub event_type: String,
    /// The ordering key.
    pub key: Option<String>,
    /// The `ce-*` and trace headers.
    pub headers: Headers,
    /// The payload.
    pub payload: Bytes,
    /// When it was made.
    pub time: DateTime<Utc>,
    /// How it is written. Headers and payload here are those of binary mode.
    pub shape: Shape,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .field("event_type", &self.event_type)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

impl Outgoing {
    /// How large it is, about.
    pub(crate) fn bytes(&self) -> usize {
        self.subject.len() + self.headers.bytes() + self.payload.len()
    }

    /// The same with headers and payload as they are sent.
    pub(crate) fn written(&self) -> Cow<'_, Self> {
        let (headers, payload) = match self.shape {
            Shape::Binary => return Cow::Borrowed(self),
            Shape::Structured => structured::write(self),
            // what does not fit the shape was refused when it was sealed
            Shape::Flat => (self.headers.clone(), flat::write(self).unwrap_or_else(|| self.payload.clone())),
        };
        Cow::Owned(Self { headers, payload, ..self.clone() })
    }
}

/// A message as a bus delivers it, not yet understood.
#[derive(Clone)]
pub struct Delivered {
    /// The subject it came on.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// Its payload.
    pub payload: Bytes,
    /// A text that names this message for ever, for producers that give no id: `stream:sequence`.
    pub origin: String,
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivered")
            .field("subject", &self.subject)
            .field("origin", &self.origin)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// A message whose envelope was understood: metadata and the event's own JSON.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Everything about the event but its payload.
    pub metadata: Metadata,
    /// The event's JSON.
    pub data: Bytes,
}

/// Reads the envelope of a message. Even a message that cannot be understood gets metadata, so that it can be
/// parked under its id.
pub fn parse(message: &Delivered) -> (Incoming, Result<(), DecodeError>) {
    let (attributes, data) = read(message);
    match data {
        Ok(data) => (attributes.incoming(message, data), Ok(())),
        Err(error) => (attributes.incoming(message, message.payload.clone()), Err(error)),
    }
}

fn read(message: &Delivered) -> (Attributes<'_>, Result<Bytes, DecodeError>) {
    match Media::of(message.headers.get("content-type")) {
        Media::Structured => structured::read(&message.payload),
        Media::Batch => (binary::read(message).0, Err(envelope_error(DecodeCode::Batch))),
        Media::Json | Media::Other if binary::claims(message) => {
            let (attributes, result) = binary::read(message);
            (attributes, result.map(|()| message.payload.clone()))
        }
        Media::Json | Media::Other => flat::read(message),
    }
}

/// Whether the headers of a message say that it is a CloudEvent.
pub(crate) fn is_binary(message: &Delivered) -> bool {
    binary::claims(message)
}

/// The ordering key of a message, which the dispatcher needs before anything else is decoded.
pub(crate) fn ordering_key(message: &Delivered) -> Option<String> {
    let structured = Media::of(message.headers.get("content-type")) == Media::Structured;
    if !structured && binary::claims(message) {
        let header = |name| message.headers.get(name).and_then(percent::decode_header);
        return header("ce-key").or_else(|| header("ce-partitionkey")).map(Cow::into_owned);
    }
    read(message).0.ordering_key().map(str::to_owned)
}

/// Percent-decoding; a text that is not UTF-8 then stays as it is.
#[cfg(feature = "nats")]
pub(crate) fn percent_decode(text: &str) -> String {
    percent::decode(text).unwrap_or_else(|| text.to_owned())
}

fn envelope_error(code: DecodeCode) -> DecodeError {
    DecodeError { what: "unknown".into(), path: String::new(), code }
}
