//! The Python package's shape: the event's fields beside `event_type`, and perhaps `event_id`, `timestamp` and
//! `correlation_id`. The whole object is the payload; a type ignores the fields that it does not know.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{NaiveDateTime, SecondsFormat};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::attributes::Attributes;
use super::structured::{self, quoted};
use super::{Delivered, Outgoing, envelope_error};
use crate::error::{DecodeCode, DecodeError};
use crate::event::decode;

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Members<'a> {
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    event_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow)]
    specversion: Option<&'a RawValue>,
}

impl<'a> Members<'a> {
    fn of(payload: &'a str) -> Result<Self, DecodeCode> {
        let classify = |failure| decode::classify(&failure);
        // serde would take an array for an object without names
        if payload.trim_ascii_start().starts_with('[') {
            serde_json::from_str::<IgnoredAny>(payload).map_err(classify)?;
            return Err(DecodeCode::WrongType);
        }
        serde_json::from_str(payload).map_err(classify)
    }
}

/// Reads a message without CloudEvents headers. The NATS binding, version 1.0.2, knows no headers at all: an object
/// that states a `specversion` is an event in structured mode.
pub(super) fn read(message: &Delivered) -> (Attributes<'_>, Result<Bytes, DecodeError>) {
    let refused = |code| (Attributes::default(), Err(envelope_error(code)));
    let Ok(payload) = std::str::from_utf8(&message.payload) else { return refused(DecodeCode::NotUtf8) };
    let members = match Members::of(payload) {
        Ok(members) => members,
        Err(code) => return refused(code),
    };
    if members.event_type.is_none() && members.specversion.is_some() {
        return structured::read(&message.payload);
    }
    let attributes = Attributes {
        id: text(members.event_id).map(Cow::Owned),
        event_type: text(members.event_type).filter(|event_type| !event_type.is_empty()).map(Cow::Owned),
        time: text(members.timestamp).map(|time| Cow::Owned(with_zone(time))),
        correlation: text(members.correlation_id)
            .map(Cow::Owned)
            .or_else(|| message.headers.get("x-correlation-id").map(Cow::Borrowed)),
        ..Attributes::default()
    };
    let result = match (&attributes.event_type, members.event_type.map(RawValue::get)) {
        (Some(_), _) => Ok(message.payload.clone()),
        (None, None | Some("\"\"")) => Err(envelope_error(DecodeCode::Envelope)),
        (None, Some(_)) => Err(super::attributes::at("event_type", DecodeCode::WrongType)),
    };
    (attributes, result)
}

fn text(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

/// Python's `datetime.utcnow().isoformat()` names no zone.
fn with_zone(time: String) -> String {
    let naive = time.replacen(' ', "T", 1);
    if NaiveDateTime::parse_from_str(&naive, "%Y-%m-%dT%H:%M:%S%.f").is_ok() { naive + "Z" } else { time }
}

/// Why an event's own JSON cannot be written in this shape, or `None` when it can.
pub(super) fn defect(event_type: &str, payload: &[u8]) -> Option<Cow<'static, str>> {
    let own = std::str::from_utf8(payload).ok().and_then(|payload| Members::of(payload).ok());
    let Some(own) = own else { return Some("it is no JSON object".into()) };
    let same = |member: Option<&RawValue>| member.is_none() || text(member).as_deref() == Some(event_type);
    let taken = [("event_type", same(own.event_type)), ("event_id", own.event_id.is_none())];
    let (field, _) = taken.into_iter().find(|(_, free)| !free)?;
    Some(format!("its own field `{field}` would be taken for that of the envelope").into())
}

/// Writes an event that was sealed for binary mode: only the payload changes. The headers stay, so a reader that
/// knows them loses nothing.
pub(super) fn write(event: &Outgoing) -> Option<Bytes> {
    let payload = std::str::from_utf8(&event.payload).ok()?.trim_ascii();
    let (own, rest) = (Members::of(payload).ok()?, payload.strip_prefix('{')?);
    let correlation = event.headers.get("ce-correlationid").unwrap_or_default();
    let members = [
        ("event_type", own.event_type.is_none(), event.event_type.clone()),
        ("event_id", own.event_id.is_none(), event.id.to_string()),
        ("timestamp", own.timestamp.is_none(), event.time.to_rfc3339_opts(SecondsFormat::Micros, true)),
        ("correlation_id", own.correlation_id.is_none(), super::percent::decode_header(correlation)?.into_owned()),
    ];
    let members = members.iter().filter(|(_, missing, _)| *missing);
    let mut json: String = members.map(|(name, _, value)| format!("{}:{},", quoted(name), quoted(value))).collect();
    json.insert(0, '{');
    if rest.trim_ascii_start() == "}" {
        json.pop();
    }
    json.push_str(rest);
    Some(json.into())
}
