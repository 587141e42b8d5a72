//! Binary mode: the payload is the event's JSON, the attributes are headers.

use std::borrow::Cow;

use super::attributes::{Attributes, at};
use super::media::Media;
use super::{Delivered, percent};
use crate::error::{DecodeCode, DecodeError};

/// What begins the name of an attribute's header.
pub(super) const PREFIX: &str = "ce-";

/// The attribute that a header holds.
pub(super) fn attribute_of(header: &str) -> Option<&str> {
    let (prefix, name) = header.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(name)
}

/// Whether the headers say that this is a CloudEvent.
pub(super) fn claims(message: &Delivered) -> bool {
    message.headers.get("ce-type").is_some() || message.headers.get("ce-specversion").is_some()
}

/// A name as it is nearly always.
fn in_lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

/// Reads the headers. An event that states no `ce-specversion` needs no more than its type.
pub(super) fn read(message: &Delivered) -> (Attributes<'_>, Result<(), DecodeError>) {
    let mut attributes = Attributes::default();
    let mut result = Ok(());
    for (header, value) in message.headers.iter() {
        let Some(name) = attribute_of(header).map(in_lower_case) else { continue };
        let taken = match percent::decode_header(value) {
            Some(value) => attributes.set(&name, value),
            None if Attributes::knows(&name) => Err(at(&name, DecodeCode::Attribute)),
            None => Ok(()),
        };
        result = result.and(taken);
    }
    let plain = |name: &str| message.headers.get(name).map(Cow::Borrowed);
    // the trace of this hop, which tracing libraries write without the prefix
    if let Some(parent) = plain("traceparent") {
        attributes.trace_parent = Some(parent);
        attributes.trace_state = plain("tracestate");
    }
    attributes.content_type = plain("content-type").or(attributes.content_type);
    let result = result.and_then(|()| match (&attributes.spec_version, &attributes.event_type) {
        (Some(_), _) => attributes.defect().map_or(Ok(()), Err),
        (None, Some(event_type)) if !event_type.is_empty() => Ok(()),
        _ => Err(super::envelope_error(DecodeCode::Envelope)),
    });
    let result = result.and_then(|()| match Media::of(attributes.content_type.as_deref()) {
        Media::Json => Ok(()),
        _ => Err(at("datacontenttype", DecodeCode::ContentType)),
    });
    (attributes, result)
}
