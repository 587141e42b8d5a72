//! From bytes to an event, without ever repeating a byte of them in an error.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::Event;
use crate::error::{DecodeCode, DecodeError, Result};

/// The deepest nesting of arrays and objects that is decoded.
pub const MAX_DEPTH: usize = 64;

/// Decodes a payload as the event type `E`, which converts what is of an older version.
///
/// `version` is the one the message states; `None` is taken as the current one.
///
/// # Errors
/// [`Error::Decode`](crate::Error::Decode), naming the type, the path of known fields and the reason. A version that is
/// newer than the type's, or older and none that the type is made of, is not guessed at.
pub fn decode_event<E: Event>(version: Option<u32>, payload: &[u8]) -> Result<E> {
    let whole = |code| Err(error(E::TYPE, String::new(), code).into());
    match version {
        Some(version) if version > E::VERSION => whole(DecodeCode::NewerVersion),
        Some(version) if version < E::VERSION => match E::CODEC.older {
            Some(older) => older(version, payload),
            None => whole(DecodeCode::OlderVersion),
        },
        _ => (E::CODEC.decode)(E::INFO, payload),
    }
}

/// Decodes a payload whose version is older than that of the type which is made of `Old`.
pub(crate) fn decode_older<Old: Event>(version: u32, payload: &[u8]) -> Result<Old> {
    if version > Old::VERSION {
        // between the two, so of neither
        return Err(error(Old::TYPE, String::new(), DecodeCode::OlderVersion).into());
    }
    decode_event(Some(version), payload)
}

/// Decodes a payload as whatever JSON it is.
pub(crate) fn decode_raw(payload: &[u8]) -> Result<serde_json::Value> {
    Ok(decode_json("event", &[], payload)?)
}

/// The answer of a set to an event type that none of its members has.
#[must_use]
pub fn unknown_type() -> DecodeError {
    error("unknown", String::new(), DecodeCode::UnknownType)
}

fn error(what: &'static str, path: String, code: DecodeCode) -> DecodeError {
    DecodeError { what: Cow::Borrowed(what), path, code }
}

pub(crate) fn decode_json<T: DeserializeOwned>(
    what: &'static str,
    fields: &[&str],
    payload: &[u8],
) -> Result<T, DecodeError> {
    let text = std::str::from_utf8(payload).map_err(|_| error(what, String::new(), DecodeCode::NotUtf8))?;
    if depth_exceeds(text, MAX_DEPTH) {
        return Err(error(what, String::new(), DecodeCode::TooDeep));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|failure| {
        let mut path = known_path(failure.path(), fields);
        let (code, missing) = classify(failure.inner());
        if let Some(field) = missing {
            path.push('/');
            path.push_str(&field);
        }
        error(what, path, code)
    })?;
    deserializer.end().map_err(|_| error(what, String::new(), DecodeCode::Syntax))?;
    Ok(value)
}

/// The category of a serde error, and the field it misses. Only the name of a missing field is taken from
/// the message: it comes from the type, everything else may quote the payload.
pub(crate) fn classify(failure: &serde_json::Error) -> (DecodeCode, Option<String>) {
    use serde_json::error::Category;
    match failure.classify() {
        Category::Syntax => (DecodeCode::Syntax, None),
        Category::Eof | Category::Io => (DecodeCode::Truncated, None),
        Category::Data => {
            let message = failure.to_string();
            let field = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
            match field {
                Some((field, _)) => (DecodeCode::MissingField, Some(field.to_owned())),
                None => (DecodeCode::WrongType, None),
            }
        }
    }
}

/// Keys in the path may come from the payload (a map keyed by name, say): only the event's own field names
/// and indexes are repeated.
fn known_path(path: &serde_path_to_error::Path, fields: &[&str]) -> String {
    use serde_path_to_error::Segment;
    let mut text = String::new();
    for (depth, segment) in path.iter().enumerate() {
        text.push('/');
        match segment {
            Segment::Seq { index } => text.push_str(&index.to_string()),
            Segment::Map { key } if depth == 0 && fields.contains(&key.as_str()) => text.push_str(key),
            _ => text.push('*'),
        }
    }
    text
}

fn depth_exceeds(text: &str, limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_of_texts() {
        assert!(!depth_exceeds(r#"{"a":"[[[[","b":"\"["}"#, 1));
        assert!(depth_exceeds("[[1]]", 1));
        assert!(!depth_exceeds("[[1]]", 2));
    }
}
