//! From bytes to an event, without ever repeating a byte of them in an error.

mod locate;
mod scan;

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::Event;
use crate::error::{DecodeCode, DecodeError, Result};

use self::locate::{Defect, locate};
use self::scan::{Look, look};

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
    Ok(decode_json("event", &[], true, payload)?)
}

/// The answer of a set to an event type that none of its members has.
#[must_use]
pub fn unknown_type() -> DecodeError {
    error("unknown", String::new(), DecodeCode::UnknownType)
}

fn error(what: &'static str, path: String, code: DecodeCode) -> DecodeError {
    DecodeError { what: Cow::Borrowed(what), path, code }
}

/// Decodes JSON. `free_form` says that the type may keep what is under keys that it does not know: serde would take the
/// last of several values there.
///
/// What is in order costs a look over it besides serde's own work. Only what is not is looked at more closely.
pub(crate) fn decode_json<T: DeserializeOwned>(
    what: &'static str,
    fields: &'static [&'static str],
    free_form: bool,
    payload: &[u8],
) -> Result<T, DecodeError> {
    let whole = |code| error(what, String::new(), code);
    let text = std::str::from_utf8(payload).map_err(|_| whole(DecodeCode::NotUtf8))?;
    let plain = match look(text, free_form) {
        Look::TooDeep => return Err(whole(DecodeCode::TooDeep)),
        Look::Plain => serde_json::from_str(text).ok(),
        Look::Suspicious => None,
    };
    match plain {
        Some(value) => Ok(value),
        None => locate(text, fields).map_err(|Defect { path, code }| error(what, path, code)),
    }
}

/// Why no type would take a payload that serde has written, if that is so.
pub(crate) fn refusal(payload: &[u8]) -> Option<DecodeCode> {
    let Ok(text) = std::str::from_utf8(payload) else { return Some(DecodeCode::NotUtf8) };
    match look(text, true) {
        Look::Plain => None,
        Look::TooDeep => Some(DecodeCode::TooDeep),
        Look::Suspicious => locate::<serde_json::Value>(text, &[]).err().map(|defect| defect.code),
    }
}

/// The category of the parser's error.
pub(crate) fn classify(failure: &serde_json::Error) -> DecodeCode {
    use serde_json::error::Category;
    match failure.classify() {
        Category::Syntax => DecodeCode::Syntax,
        Category::Eof | Category::Io => DecodeCode::Truncated,
        Category::Data => DecodeCode::WrongType,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a package of its own: others bring features of serde_json along that users of this crate may lack.
    #[test]
    fn floats_come_back_to_the_last_bit() {
        let mut rng = fastrand::Rng::with_seed(7);
        for float in
            std::iter::repeat_with(|| f64::from_bits(rng.u64(..))).filter(|float| float.is_finite()).take(20_000)
        {
            let payload = serde_json::to_vec(&float).unwrap();
            let back: f64 = decode_json("float", &[], false, &payload).unwrap();
            assert_eq!(back.to_bits(), float.to_bits(), "{float:e}");
        }
    }
}
