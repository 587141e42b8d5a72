//! A text that is one token.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::slot::{FromToken, OrderingKey, SubjectToken};
use crate::error::Error;

/// A text that is one token of a subject: 1 to 64 visible ASCII characters other than `.`, `*` and `>`.
///
/// It is what a slot of a subject, a `{room}`, takes for names and codes that are not numbers. A value can only be made
/// by checking a text, also when it is decoded from JSON or read from a column, so no subject can be broken by one. That
/// it is visible to every operator remains: no patient's name belongs in it.
///
/// ```
/// use shared::prelude::*;
///
/// #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// #[event(subject = "room.{room}.cleaned")]
/// pub struct RoomCleaned {
///     pub room: Token,
/// }
///
/// let room = Token::parse("OR-2b")?;
/// assert_eq!(RoomCleaned { room }.subject(), "room.OR-2b.cleaned");
/// assert!(Token::parse("OR.2b").is_err());
/// # Ok::<(), shared::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(String);

impl Token {
    /// The most bytes, which are as many characters.
    pub const MAX_BYTES: usize = 64;

    /// The same rule as a regular expression, as ECMA-262, Python and Rust read it.
    const PATTERN: &'static str = "^[!-)+-\\-/-=?-~]+$";

    /// Checks a text.
    ///
    /// # Errors
    /// [`InvalidToken`], when the text is no token. It does not say the text.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        check(text).map(|()| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

fn check(text: &str) -> Result<(), InvalidToken> {
    if text.is_empty() {
        return Err(InvalidToken::Empty);
    }
    if let Some(at) = text.bytes().position(|b| !b.is_ascii_graphic() || matches!(b, b'.' | b'*' | b'>')) {
        return Err(InvalidToken::Character { at });
    }
    if text.len() > Token::MAX_BYTES {
        return Err(InvalidToken::TooLong);
    }
    Ok(())
}

/// Why a text is no [`Token`]. It does not say the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidToken {
    /// It is empty.
    Empty,
    /// It has more than [`Token::MAX_BYTES`] bytes.
    TooLong,
    /// It has a character that is not visible ASCII, or is `.`, `*` or `>`.
    Character {
        /// The first byte of that character, counted from 0.
        at: usize,
    },
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a token of a subject: ")?;
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong => write!(f, "it is longer than {} bytes", Token::MAX_BYTES),
            Self::Character { at } => {
                write!(f, "the character at byte {at} is not visible ASCII, or is `.`, `*` or `>`")
            }
        }
    }
}

impl std::error::Error for InvalidToken {}

/// A text that is no token is none at the next try either.
impl From<InvalidToken> for Error {
    fn from(error: InvalidToken) -> Self {
        Self::permanent(error)
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Token {
    type Error = InvalidToken;

    fn try_from(text: String) -> Result<Self, InvalidToken> {
        check(&text).map(|()| Self(text))
    }
}

impl TryFrom<&str> for Token {
    type Error = InvalidToken;

    fn try_from(text: &str) -> Result<Self, InvalidToken> {
        Self::parse(text)
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Token {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Token {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Token {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Token {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl SubjectToken for Token {
    fn token(&self) -> Cow<'static, str> {
        Cow::Owned(self.0.clone())
    }
}

impl FromToken for Token {
    fn from_token(token: &str) -> Option<Self> {
        Self::parse(token).ok()
    }
}

impl OrderingKey for Token {
    fn key(&self) -> String {
        self.0.clone()
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Token;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token of a subject")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Token, E> {
        Token::parse(text).map_err(E::custom)
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Token, E> {
        Token::try_from(text).map_err(E::custom)
    }
}

impl JsonSchema for Token {
    fn schema_name() -> Cow<'static, str> {
        "Token".into()
    }

    fn schema_id() -> Cow<'static, str> {
        "shared::Token".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": Self::MAX_BYTES, "pattern": Self::PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_visible_and_cannot_break_a_subject() {
        for good in ["a", "OR-2b", "x/y", "{x}", "$", "~", &"a".repeat(64)] {
            assert_eq!(Token::parse(good).map(Token::into_string).as_deref(), Ok(good));
        }
        for (bad, reason) in [
            ("", InvalidToken::Empty),
            ("a.b", InvalidToken::Character { at: 1 }),
            ("a*", InvalidToken::Character { at: 1 }),
            (">", InvalidToken::Character { at: 0 }),
            ("a b", InvalidToken::Character { at: 1 }),
            ("a\n", InvalidToken::Character { at: 1 }),
            ("a\u{7f}", InvalidToken::Character { at: 1 }),
            ("Süd", InvalidToken::Character { at: 1 }),
            ("a\u{200b}", InvalidToken::Character { at: 1 }),
            (&"a".repeat(65), InvalidToken::TooLong),
        ] {
            assert_eq!(Token::parse(bad), Err(reason), "{bad:?}");
            assert_eq!(Token::try_from(bad.to_owned()), Err(reason), "{bad:?}");
        }
    }

    #[test]
    fn every_character_is_judged_alike_by_the_check_and_by_the_pattern() {
        let pattern = regex::Regex::new(Token::PATTERN).unwrap();
        for c in (0..0x3000).filter_map(char::from_u32) {
            let text = c.to_string();
            assert_eq!(Token::parse(&text).is_ok(), pattern.is_match(&text), "{c:?}");
        }
    }

    #[test]
    fn json_is_checked_and_an_error_does_not_repeat_it() {
        let token: Token = serde_json::from_str("\"OR-2b\"").unwrap();
        assert_eq!(serde_json::to_string(&token).unwrap(), "\"OR-2b\"");
        for bad in ["\"sentinel.x\"", "\"sentinel\\u0000\"", "\"\""] {
            let error = serde_json::from_str::<Token>(bad).unwrap_err().to_string();
            assert!(error.starts_with("not a token of a subject") && !error.contains("sentinel"), "{error}");
            let error = serde_json::from_value::<Token>(serde_json::from_str(bad).unwrap()).unwrap_err().to_string();
            assert!(!error.contains("sentinel"), "{error}");
        }
    }

    #[test]
    fn its_schema_says_the_rule() {
        let schema = schemars::schema_for!(Token);
        assert_eq!(schema.get("maxLength").and_then(serde_json::Value::as_u64), Some(64));
        assert_eq!(schema.get("pattern").and_then(serde_json::Value::as_str), Some(Token::PATTERN));
    }
}
