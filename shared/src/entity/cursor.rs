//! Cursors: where a page ended, in a form that only this service can read or make.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Generate as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where a page ended: for a client to hand back, in a URL or in JSON.
///
/// It is opaque: encrypted, so that it shows nothing of the row it was made from, and authenticated together with the
/// query it belongs to. One that was changed, or made up, or handed to another query (another entity, order or filter,
/// or a filter with other values) is refused with [`Error::Cursor`].
///
/// It stays good when its row is changed or deleted meanwhile, and in every process with the same database, or the same
/// `CURSOR_KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Hides bytes in a cursor that is good for this query only.
    pub(super) fn seal(key: &CursorKey, query: &[u8], bytes: &[u8]) -> Result<Self> {
        let failed = |_| Error::Unavailable { what: "the operating system gives no random bytes".into(), source: None };
        let nonce = XNonce::try_generate().map_err(failed)?;
        let sealed = key.cipher().encrypt(&nonce, Payload { msg: bytes, aad: query });
        let sealed = sealed.map_err(|_| Error::Usage("a row is too large to make a page cursor of".into()))?;
        Ok(Self(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())))
    }

    /// What was hidden, if this is a cursor of the query.
    pub(super) fn open(&self, key: &CursorKey, query: &[u8]) -> Result<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| Error::Cursor)?;
        let (nonce, sealed) = bytes.split_first_chunk::<24>().ok_or(Error::Cursor)?;
        let opened = key.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: query });
        opened.map_err(|_| Error::Cursor)
    }
}

impl From<String> for Cursor {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Cursor {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key that cursors are sealed with: 32 random bytes, written as 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(‹hidden›)")
    }
}

impl FromStr for CursorKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || Error::config("CURSOR_KEY", "it is not a key", "make one with `openssl rand -hex 32`");
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let mut key = [0; 32];
        for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| refused())?;
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> CursorKey {
        CursorKey::new([byte; 32])
    }

    #[test]
    fn a_cursor_opens_with_its_key_for_its_query_only() {
        let cursor = Cursor::seal(&key(1), b"query", b"sentinel").unwrap();
        assert_eq!(cursor.open(&key(1), b"query").unwrap(), b"sentinel");
        assert!(matches!(cursor.open(&key(2), b"query"), Err(Error::Cursor)));
        assert!(matches!(cursor.open(&key(1), b"another"), Err(Error::Cursor)));
        assert_ne!(cursor, Cursor::seal(&key(1), b"query", b"sentinel").unwrap());
    }

    #[test]
    fn every_change_of_a_cursor_is_noticed() {
        let cursor = Cursor::seal(&key(1), b"query", b"sentinel").unwrap();
        let text = cursor.as_str();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        for at in 0..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            for changed in [format!("{}{other}{}", &text[..at], &text[at + 1..]), text[..at].to_owned()] {
                assert!(matches!(Cursor::from(changed).open(&key(1), b"query"), Err(Error::Cursor)), "{at}");
            }
        }
        for made_up in ["", "%", "🩺", "A", &"A".repeat(99)] {
            assert!(matches!(Cursor::from(made_up).open(&key(1), b"query"), Err(Error::Cursor)), "{made_up}");
        }
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits_and_not_printed() {
        let key: CursorKey = "0aFF".repeat(16).parse().unwrap();
        assert!(!format!("{key:?}").to_lowercase().contains("0a"));
        for bad in ["", "0a", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert!(bad.parse::<CursorKey>().is_err_and(|error| error.to_string().contains("openssl")), "{bad}");
        }
    }
}
