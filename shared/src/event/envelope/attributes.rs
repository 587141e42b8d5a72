//! The attributes of an incoming event: text from outside, and what is believed of it.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::DateTime;

use super::{Delivered, Incoming, envelope_error, percent};
use crate::context::{Id, Trace};
use crate::error::{DecodeCode, DecodeError};
use crate::event::Metadata;

/// The longest `source` that is kept.
const MAX_SOURCE_BYTES: usize = 256;

/// Attributes as the message says them, where they are as they are meant without a copy.
#[derive(Debug, Default)]
pub(super) struct Attributes<'a> {
    pub(super) spec_version: Option<Cow<'a, str>>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) event_type: Option<Cow<'a, str>>,
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) time: Option<Cow<'a, str>>,
    pub(super) schema: Option<Cow<'a, str>>,
    pub(super) content_type: Option<Cow<'a, str>>,
    pub(super) key: Option<Cow<'a, str>>,
    pub(super) partition_key: Option<Cow<'a, str>>,
    pub(super) sequence: Option<Cow<'a, str>>,
    pub(super) correlation: Option<Cow<'a, str>>,
    pub(super) causation: Option<Cow<'a, str>>,
    pub(super) actor: Option<Cow<'a, str>>,
    pub(super) tenant: Option<Cow<'a, str>>,
    pub(super) trace_parent: Option<Cow<'a, str>>,
    pub(super) trace_state: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    /// Takes an attribute. One that this library does not know is ignored, as the specification asks.
    ///
    /// # Errors
    /// It was given before: nobody can know which one is meant.
    pub(super) fn set(&mut self, name: &str, value: Cow<'a, str>) -> Result<(), DecodeError> {
        let Some(slot) = self.slot(name) else { return Ok(()) };
        if slot.is_some() {
            return Err(at(name, DecodeCode::Attribute));
        }
        *slot = Some(value);
        Ok(())
    }

    pub(super) fn knows(name: &str) -> bool {
        Self::default().slot(name).is_some()
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        Some(match name {
            "specversion" => &mut self.spec_version,
            "id" => &mut self.id,
            "type" => &mut self.event_type,
            "source" => &mut self.source,
            "time" => &mut self.time,
            "dataschema" => &mut self.schema,
            "datacontenttype" => &mut self.content_type,
            "key" => &mut self.key,
            "partitionkey" => &mut self.partition_key,
            "sequence" => &mut self.sequence,
            "correlationid" => &mut self.correlation,
            "causationid" => &mut self.causation,
            "actor" => &mut self.actor,
            "tenant" => &mut self.tenant,
            "traceparent" => &mut self.trace_parent,
            "tracestate" => &mut self.trace_state,
            _ => return None,
        })
    }

    /// What is wrong with an event that says it is a CloudEvent.
    pub(super) fn defect(&self) -> Option<DecodeError> {
        let given = |value: &Option<Cow<'_, str>>| value.as_deref().is_some_and(|text| !text.is_empty());
        match self.spec_version.as_deref() {
            None | Some("") => return Some(at("specversion", DecodeCode::Attribute)),
            Some(version) if !version.starts_with("1.") => return Some(at("specversion", DecodeCode::SpecVersion)),
            Some(_) => {}
        }
        if !given(&self.event_type) {
            return Some(envelope_error(DecodeCode::Envelope));
        }
        let required = [("id", &self.id), ("source", &self.source)];
        required.into_iter().find(|(_, value)| !given(value)).map(|(name, _)| at(name, DecodeCode::Attribute))
    }

    /// The ordering key. `partitionkey` is the name of CloudEvents' own extension.
    pub(super) fn ordering_key(&self) -> Option<&str> {
        self.key.as_deref().or(self.partition_key.as_deref())
    }

    pub(super) fn incoming(self, message: &Delivered, data: Bytes) -> Incoming {
        let id = |text: Option<Cow<'_, str>>| text.as_deref().and_then(Id::parse);
        let key = self.ordering_key().map(str::to_owned);
        let event_type = self.event_type.unwrap_or_default().into_owned();
        let metadata = Metadata {
            event_id: self.id.and_then(event_id).unwrap_or_else(|| message.origin.clone()),
            version: self.schema.as_deref().and_then(|schema| version_of(schema, &event_type)),
            event_type,
            subject: message.subject.clone(),
            source: self.source.filter(|source| source.len() <= MAX_SOURCE_BYTES).map(Cow::into_owned),
            time: self
                .time
                .and_then(|time| DateTime::parse_from_rfc3339(&time).ok())
                .map(|time| crate::time::truncate(time.to_utc())),
            key,
            sequence: self.sequence.and_then(|sequence| sequence.parse().ok()),
            correlation_id: id(self.correlation).unwrap_or_else(Id::mint),
            causation_id: id(self.causation),
            actor: id(self.actor),
            tenant: id(self.tenant),
            trace: self.trace_parent.and_then(|parent| Trace::parse(&parent, self.trace_state.as_deref())),
            attempt: 1,
            fingerprint: None,
        };
        Incoming { metadata, data }
    }
}

/// The error of one attribute.
pub(super) fn at(name: &str, code: DecodeCode) -> DecodeError {
    DecodeError { path: format!("/{name}"), ..envelope_error(code) }
}

/// An event's id as it is kept. CloudEvents lets it be any text: one that is not visible ASCII is percent-encoded,
/// so that the same event is known again, and nothing of it is echoed as it came.
fn event_id(text: Cow<'_, str>) -> Option<String> {
    if Id::is_one(&text) {
        return Some(text.into_owned());
    }
    Some(percent::encode(&text)).filter(|encoded| Id::is_one(encoded))
}

/// The version that a `dataschema` names: `…appointment.scheduled/v2` for this event type. A schema of another form
/// says nothing about the version.
fn version_of(schema: &str, event_type: &str) -> Option<u32> {
    let (name, version) = schema.rsplit_once("/v")?;
    let known =
        !event_type.is_empty() && (name.ends_with(event_type) || name.ends_with(&percent::encode_segment(event_type)));
    known.then(|| version.parse().ok()).flatten()
}
