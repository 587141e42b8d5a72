//! The wire format: CloudEvents 1.0 over NATS.
//!
//! Written in binary mode: the payload is the event's JSON, attributes are `ce-*` headers
//! (CloudEvents 1.0, NATS protocol binding). Read in binary mode, in structured mode
//! (`application/cloudevents+json`) and as the Python package's flat JSON with an `event_type`.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Draft, Headers, Metadata, subject};
use crate::context::{Context, Id, Trace};
use crate::error::{DecodeCode, DecodeError, Error, Result};

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

impl Draft {
    /// Gives the draft its id and the headers that `context` and `source` (the publishing service) make.
    ///
    /// # Errors
    /// [`Error::Usage`]: the subject is none, or payload or headers are larger than the limits.
    pub fn seal(self, context: &Context, source: &str, max_payload: usize) -> Result<Outgoing> {
        if let Some(defect) = subject::defect(&self.subject) {
            return Err(Error::Usage(format!("event `{}` has no valid subject: {defect}", self.event_type).into()));
        }
        if self.payload.len() > max_payload {
            return Err(Error::Usage(
                format!(
                    "event `{}` has {} bytes, the limit is {max_payload}; publish a reference to large data instead",
                    self.event_type,
                    self.payload.len()
                )
                .into(),
            ));
        }
        let id = crate::id::new();
        let time = crate::time::now();
        let mut headers = Headers::new();
        headers.push("ce-specversion", "1.0");
        headers.push("ce-id", id.to_string());
        headers.push("ce-source", format!("/{source}"));
        headers.push("ce-type", self.event_type.as_ref());
        headers.push("ce-time", time.to_rfc3339_opts(SecondsFormat::Micros, true));
        headers.push("ce-dataschema", format!("{}/v{}", self.event_type, self.version));
        headers.push("content-type", "application/json");
        headers.push("ce-correlationid", context.correlation_id().as_str());
        if let Some(causation) = context.causation_id() {
            headers.push("ce-causationid", causation.as_str());
        }
        if let Some(key) = &self.key {
            headers.push("ce-key", percent_encode(key));
        }
        if let Some(actor) = context.actor_id() {
            headers.push("ce-actor", actor.as_str());
        }
        if let Some(tenant) = context.tenant_id() {
            headers.push("ce-tenant", tenant.as_str());
        }
        if let Some(trace) = context.trace() {
            headers.push("traceparent", trace.child().to_string());
            if let Some(state) = trace.state() {
                headers.push("tracestate", state);
            }
        }
        if headers.bytes() > MAX_HEADERS_BYTES {
            return Err(Error::Usage(
                format!("event `{}`: its headers exceed {MAX_HEADERS_BYTES} bytes; use a shorter key", self.event_type)
                    .into(),
            ));
        }
        Ok(Outgoing {
            id,
            subject: self.subject.into_owned(),
            event_type: self.event_type.into_owned(),
            key: self.key,
            headers,
            payload: self.payload,
            time,
        })
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
    let header = |name: &str| message.headers.get(name).map(str::to_owned);
    if is_structured(message) {
        return parse_structured(message);
    }
    if let Some(event_type) = header("ce-type") {
        let attributes = Attributes {
            id: header("ce-id"),
            event_type: Some(event_type),
            source: header("ce-source"),
            time: header("ce-time"),
            schema: header("ce-dataschema"),
            key: header("ce-key").map(|key| percent_decode(&key)),
            sequence: header("ce-sequence"),
            correlation: header("ce-correlationid"),
            causation: header("ce-causationid"),
            actor: header("ce-actor"),
            tenant: header("ce-tenant"),
            traceparent: header("traceparent"),
            tracestate: header("tracestate"),
        };
        return (attributes.incoming(message, message.payload.clone()), Ok(()));
    }
    parse_flat(message)
}

fn is_structured(message: &Delivered) -> bool {
    let content_type = message.headers.get("content-type");
    content_type.is_some_and(|text| text.to_ascii_lowercase().starts_with("application/cloudevents+json"))
}

/// The ordering key of a message, which the dispatcher needs before anything else is decoded.
pub(crate) fn ordering_key(message: &Delivered) -> Option<String> {
    if is_structured(message) {
        return parse_structured(message).0.metadata.key;
    }
    message.headers.get("ce-key").map(percent_decode)
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Attributes {
    id: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    source: Option<String>,
    time: Option<String>,
    #[serde(rename = "dataschema")]
    schema: Option<String>,
    key: Option<String>,
    sequence: Option<String>,
    #[serde(rename = "correlationid")]
    correlation: Option<String>,
    #[serde(rename = "causationid")]
    causation: Option<String>,
    actor: Option<String>,
    tenant: Option<String>,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

impl Attributes {
    fn incoming(self, message: &Delivered, data: Bytes) -> Incoming {
        let id = |text: Option<String>| text.as_deref().and_then(Id::parse);
        let metadata = Metadata {
            event_id: id(self.id).map_or_else(|| message.origin.clone(), |id| id.to_string()),
            event_type: self.event_type.unwrap_or_default(),
            version: self.schema.as_deref().and_then(version_of),
            subject: message.subject.clone(),
            source: self.source.filter(|source| source.len() <= 256),
            time: self
                .time
                .and_then(|time| DateTime::parse_from_rfc3339(&time).ok())
                .map(|time| crate::time::truncate(time.to_utc())),
            key: self.key,
            sequence: self.sequence.and_then(|sequence| sequence.parse().ok()),
            correlation_id: id(self.correlation).unwrap_or_else(Id::mint),
            causation_id: id(self.causation),
            actor: id(self.actor),
            tenant: id(self.tenant),
            trace: self.traceparent.and_then(|parent| Trace::parse(&parent, self.tracestate.as_deref())),
            attempt: 1,
        };
        Incoming { metadata, data }
    }
}

fn envelope_error(code: DecodeCode) -> DecodeError {
    DecodeError { what: "unknown".into(), path: String::new(), code }
}

fn parse_structured(message: &Delivered) -> (Incoming, Result<(), DecodeError>) {
    // `flatten` would buffer and could not borrow the `RawValue`, hence two passes
    #[derive(serde::Deserialize)]
    struct Data<'a> {
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }
    let attributes = serde_json::from_slice::<Attributes>(&message.payload);
    let data = serde_json::from_slice::<Data<'_>>(&message.payload).ok().and_then(|data| data.data);
    match (attributes, data) {
        (Ok(attributes), Some(data)) if attributes.event_type.is_some() => {
            let data = message.payload.slice_ref(data.get().as_bytes());
            (attributes.incoming(message, data), Ok(()))
        }
        (Ok(attributes), _) => {
            (attributes.incoming(message, message.payload.clone()), Err(envelope_error(DecodeCode::Envelope)))
        }
        (Err(failure), _) => {
            let (code, _) = super::decode::classify(&failure);
            (Attributes::default().incoming(message, message.payload.clone()), Err(envelope_error(code)))
        }
    }
}

/// The Python package's shape: the event's fields beside `event_type`, and perhaps `event_id`, `timestamp`
/// and `correlation_id`. The whole object is the payload; a type ignores the fields it does not know.
fn parse_flat(message: &Delivered) -> (Incoming, Result<(), DecodeError>) {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Flat {
        event_type: Option<String>,
        event_id: Option<String>,
        timestamp: Option<String>,
        correlation_id: Option<String>,
    }
    let (flat, result) = match serde_json::from_slice::<Flat>(&message.payload) {
        Ok(flat) if flat.event_type.is_some() => (flat, Ok(())),
        Ok(flat) => (flat, Err(envelope_error(DecodeCode::Envelope))),
        Err(failure) => (Flat::default(), Err(envelope_error(super::decode::classify(&failure).0))),
    };
    let attributes = Attributes {
        id: flat.event_id,
        event_type: flat.event_type,
        time: flat.timestamp,
        correlation: flat.correlation_id.or_else(|| message.headers.get("x-correlation-id").map(str::to_owned)),
        ..Attributes::default()
    };
    (attributes.incoming(message, message.payload.clone()), result)
}

fn version_of(schema: &str) -> Option<u32> {
    schema.rsplit_once("/v")?.1.parse().ok()
}

/// CloudEvents 1.0, NATS binding, 3.1.3.2: header values are percent-encoded outside of visible ASCII.
fn percent_encode(text: &str) -> String {
    use fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' && byte != b'"' {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The opposite of percent-encoding; what is not encoded well stays as it is.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match (byte, tail) {
            (b'%', [a, b, tail @ ..]) if hex(*a).is_some() && hex(*b).is_some() => {
                bytes.push(hex(*a).unwrap_or(0) << 4 | hex(*b).unwrap_or(0));
                rest = tail;
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(headers: &[(&str, &str)], payload: &str) -> Delivered {
        Delivered {
            subject: "appointment.scheduled".into(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            origin: "APPOINTMENT:7".into(),
        }
    }

    fn draft() -> Draft {
        Draft {
            subject: "appointment.scheduled".into(),
            event_type: "appointment.scheduled".into(),
            version: 2,
            key: Some("a ä%".into()),
            payload: Bytes::from_static(b"{}"),
        }
    }

    #[test]
    fn binary_mode_round_trips() {
        let context = Context::new().actor("dr-1").tenant("clinic-1").causation("cause");
        let out = draft().seal(&context, "scheduling", 1024).unwrap();
        let message = Delivered {
            subject: out.subject.clone(),
            headers: out.headers.clone(),
            payload: out.payload.clone(),
            origin: "S:1".into(),
        };
        let (incoming, result) = parse(&message);
        result.unwrap();
        let m = incoming.metadata;
        assert_eq!(m.event_id, out.id.to_string());
        assert_eq!(m.event_type, "appointment.scheduled");
        assert_eq!(m.version, Some(2));
        assert_eq!(m.key.as_deref(), Some("a ä%"));
        assert_eq!(m.time, Some(out.time));
        assert_eq!(&m.correlation_id, context.correlation_id());
        assert_eq!(m.causation_id.unwrap().as_str(), "cause");
        assert_eq!(m.actor.unwrap().as_str(), "dr-1");
        assert_eq!(m.source.as_deref(), Some("/scheduling"));
    }

    #[test]
    fn structured_mode_is_understood() {
        let payload = r#"{"specversion":"1.0","id":"e1","type":"appointment.scheduled","source":"/x",
            "correlationid":"c1","data":{"a": 1}}"#;
        let (incoming, result) = parse(&delivered(&[("content-type", "application/cloudevents+json")], payload));
        result.unwrap();
        assert_eq!(incoming.metadata.event_id, "e1");
        assert_eq!(incoming.metadata.correlation_id.as_str(), "c1");
        assert_eq!(&incoming.data[..], br#"{"a": 1}"#);
    }

    #[test]
    fn flat_json_of_the_python_package_is_understood() {
        let (incoming, result) =
            parse(&delivered(&[], r#"{"event_type":"appointment.scheduled","a":1,"correlation_id":"c"}"#));
        result.unwrap();
        assert_eq!(incoming.metadata.event_type, "appointment.scheduled");
        assert_eq!(incoming.metadata.event_id, "APPOINTMENT:7");
        assert_eq!(incoming.metadata.correlation_id.as_str(), "c");
    }

    #[test]
    fn nonsense_still_has_an_id_to_be_parked_under() {
        for payload in ["", "not json", "[]", "{}", "\"x\""] {
            let (incoming, result) = parse(&delivered(&[], payload));
            assert!(result.is_err(), "{payload}");
            assert_eq!(incoming.metadata.event_id, "APPOINTMENT:7");
        }
    }

    #[test]
    fn limits_are_checked_before_anything_is_stored() {
        let error = draft().seal(&Context::new(), "s", 1).unwrap_err();
        assert!(error.to_string().contains("2 bytes, the limit is 1"), "{error}");
        let mut bad = draft();
        bad.subject = "a.*".into();
        assert!(bad.seal(&Context::new(), "s", 1024).is_err());
    }
}
