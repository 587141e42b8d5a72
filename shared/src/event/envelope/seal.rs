//! From a draft to an event on its way out.

use chrono::{DateTime, SecondsFormat, Utc};

use super::shape::Shape;
use super::{MAX_HEADERS_BYTES, Outgoing, flat, percent};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::event::{Draft, Headers, decode, subject};

/// The longest name of an event type.
const MAX_TYPE_BYTES: usize = 255;

impl Draft {
    /// Gives the draft its id and the headers that `context` and `source` (the publishing service) make. It will be
    /// written in a `shape`.
    ///
    /// # Errors
    /// [`Error::Usage`]: subject or type is none, payload or headers are larger than the limits, the payload is one
    /// that no subscriber would take (a key twice in one object, a text with NUL, nested too deeply), or it does not fit
    /// the shape.
    pub fn seal(self, context: &Context, source: &str, shape: Shape, max_payload: usize) -> Result<Outgoing> {
        self.seal_for(crate::time::now(), context, source, shape, max_payload)
    }

    /// The same for an event that happens at another time than now.
    pub(crate) fn seal_for(
        self,
        time: DateTime<Utc>,
        context: &Context,
        source: &str,
        shape: Shape,
        max_payload: usize,
    ) -> Result<Outgoing> {
        let usage = |text: String| Error::Usage(text.into());
        let event_type = &self.event_type;
        if let Some(defect) = subject::defect(&self.subject) {
            return Err(usage(format!("event `{event_type}` has no valid subject: {defect}")));
        }
        if event_type.is_empty() || event_type.len() > MAX_TYPE_BYTES || event_type.chars().any(char::is_control) {
            return Err(usage(format!(
                "the event on `{}` has no valid type: use 1 to {MAX_TYPE_BYTES} bytes without control characters",
                self.subject
            )));
        }
        if let Some(code) = decode::refusal(&self.payload) {
            return Err(usage(format!("event `{event_type}` would be refused by its subscribers: {}", code.explain())));
        }
        if let (Shape::Flat, Some(defect)) = (shape, flat::defect(event_type, &self.payload)) {
            return Err(usage(format!(
                "event `{event_type}` cannot be written flat: {defect}\n\
                 help: give its subject another shape, such as `Shape::Structured`"
            )));
        }
        let id = crate::id::new();
        let headers = self.headers(context, source, id, time.to_rfc3339_opts(SecondsFormat::Micros, true));
        if headers.bytes() > MAX_HEADERS_BYTES {
            return Err(usage(format!(
                "event `{event_type}`: its headers exceed {MAX_HEADERS_BYTES} bytes; use a shorter key"
            )));
        }
        let outgoing = Outgoing {
            id,
            subject: self.subject.into_owned(),
            event_type: self.event_type.into_owned(),
            key: self.key,
            headers,
            payload: self.payload,
            time,
            shape,
        };
        let bytes = outgoing.written().payload.len();
        if bytes > max_payload {
            return Err(usage(format!(
                "event `{}` has {bytes} bytes, the limit is {max_payload}; publish a reference to large data instead",
                outgoing.event_type
            )));
        }
        Ok(outgoing)
    }

    fn headers(&self, context: &Context, source: &str, id: uuid::Uuid, time: String) -> Headers {
        let mut headers = Headers::new();
        let mut attribute = |name: &str, value: &str| headers.push(name, percent::encode(value));
        attribute("ce-specversion", "1.0");
        attribute("ce-id", &id.to_string());
        attribute("ce-source", &format!("/{}", percent::encode_segment(source)));
        attribute("ce-type", &self.event_type);
        attribute("ce-time", &time);
        // CloudEvents wants an absolute URI
        let name = percent::encode_segment(&self.event_type);
        attribute("ce-dataschema", &format!("urn:event:{name}/v{}", self.version));
        attribute("ce-correlationid", context.correlation_id().as_str());
        let optional = [
            ("ce-causationid", context.causation_id().map(|id| id.as_str())),
            ("ce-key", self.key.as_deref()),
            ("ce-actor", context.actor_id().map(|id| id.as_str())),
            ("ce-tenant", context.tenant_id().map(|id| id.as_str())),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                attribute(name, value);
            }
        }
        headers.push("content-type", "application/json");
        if let Some(trace) = context.trace() {
            headers.push("traceparent", trace.child().to_string());
            if let Some(state) = trace.state() {
                headers.push("tracestate", state);
            }
        }
        headers
    }
}
