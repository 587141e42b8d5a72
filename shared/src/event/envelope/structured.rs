//! Structured mode: one JSON object holds the attributes and, as `data`, the event's JSON.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::attributes::{Attributes, at};
use super::media::Media;
use super::{Outgoing, binary, envelope_error, percent};
use crate::error::{DecodeCode, DecodeError};
use crate::event::{Headers, decode};

pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What an event without data has instead: a type without fields reads it.
const NO_DATA: &[u8] = b"null";

/// Attributes that are texts and nothing else; an extension may be a number or a boolean too.
const TEXTS: [&str; 7] = ["specversion", "id", "type", "source", "time", "dataschema", "datacontenttype"];

/// Reads the attributes and the event's own JSON.
pub(super) fn read(payload: &Bytes) -> (Attributes<'static>, Result<Bytes, DecodeError>) {
    let Ok(text) = std::str::from_utf8(payload) else {
        return (Attributes::default(), Err(envelope_error(DecodeCode::NotUtf8)));
    };
    let mut envelope = Envelope::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(&mut envelope).and_then(|()| json.end());
    if let Err(failure) = read {
        return (envelope.attributes, Err(envelope_error(decode::classify(&failure))));
    }
    let data = match (envelope.defect, envelope.attributes.defect()) {
        (Some(defect), _) | (None, Some(defect)) => Err(defect),
        (None, None) => data(payload, &envelope.attributes, envelope.data, envelope.data_base64),
    };
    (envelope.attributes, data)
}

fn data(
    payload: &Bytes,
    attributes: &Attributes<'_>,
    data: Option<&RawValue>,
    data_base64: Option<&RawValue>,
) -> Result<Bytes, DecodeError> {
    if Media::of(attributes.content_type.as_deref()) != Media::Json {
        return Err(at("datacontenttype", DecodeCode::ContentType));
    }
    match (data, data_base64) {
        (None, None) => Ok(Bytes::from_static(NO_DATA)),
        (Some(data), None) => Ok(payload.slice_ref(data.get().as_bytes())),
        (None, Some(text)) => {
            let text = serde_json::from_str::<Cow<'_, str>>(text.get()).ok();
            let bytes = text.and_then(|text| BASE64_STANDARD.decode(text.as_bytes()).ok());
            bytes.map(Bytes::from).ok_or_else(|| at("data_base64", DecodeCode::WrongType))
        }
        (Some(_), Some(_)) => Err(at("data_base64", DecodeCode::Attribute)),
    }
}

#[derive(Default)]
struct Envelope<'a> {
    attributes: Attributes<'static>,
    data: Option<&'a RawValue>,
    data_base64: Option<&'a RawValue>,
    defect: Option<DecodeError>,
}

impl<'a> Envelope<'a> {
    fn take(&mut self, name: &str, value: &'a RawValue) -> Result<(), DecodeError> {
        let slot = match name {
            "data" => &mut self.data,
            "data_base64" => &mut self.data_base64,
            _ => {
                let text = attribute(name, value.get())?;
                return text.map_or(Ok(()), |text| self.attributes.set(name, text.into()));
            }
        };
        if slot.replace(value).is_some() { Err(at(name, DecodeCode::Attribute)) } else { Ok(()) }
    }
}

/// An attribute in its canonical form as text; `null` is none.
fn attribute(name: &str, json: &str) -> Result<Option<String>, DecodeError> {
    match json.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => serde_json::from_str(json).map(Some).map_err(|_| at(name, DecodeCode::Attribute)),
        Some(b'{' | b'[') => Err(at(name, DecodeCode::Attribute)),
        _ if TEXTS.contains(&name) => Err(at(name, DecodeCode::Attribute)),
        _ => Ok(Some(json.to_owned())),
    }
}

impl<'de> Visitor<'de> for &mut Envelope<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if matches!(&*name, "data" | "data_base64") || Attributes::knows(&name) {
                let value = map.next_value::<&'de RawValue>()?;
                if let Err(defect) = self.take(&name, value) {
                    self.defect.get_or_insert(defect);
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Writes an event that was sealed for binary mode. Only the headers of the trace stay headers: readers take a
/// message with `ce-` headers for binary mode.
pub(super) fn write(event: &Outgoing) -> (Headers, Bytes) {
    let mut headers = Headers::new();
    headers.push("content-type", CONTENT_TYPE);
    let mut json = Vec::with_capacity(event.payload.len() + 1024);
    json.push(b'{');
    for (header, value) in event.headers.iter() {
        let (name, value) = match (binary::attribute_of(header), header) {
            (Some(name), _) => (name, percent::decode_header(value).unwrap_or(Cow::Borrowed(value))),
            (None, "content-type") => ("datacontenttype", Cow::Borrowed(value)),
            (None, "traceparent" | "tracestate") => {
                headers.push(header, value);
                (header, Cow::Borrowed(value))
            }
            _ => continue,
        };
        json.extend_from_slice(quoted(name).as_bytes());
        json.push(b':');
        json.extend_from_slice(quoted(&value).as_bytes());
        json.push(b',');
    }
    json.extend_from_slice(b"\"data\":");
    json.extend_from_slice(&event.payload);
    json.push(b'}');
    (headers, json.into())
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
