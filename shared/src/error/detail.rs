//! What an error says besides its class.

use std::borrow::Cow;
use std::fmt;

/// What a payload or row could not be read for. Never says which value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The event's or entity's type name, `unknown` when the message does not say a usable one.
    pub what: Cow<'static, str>,
    /// Where, as a JSON pointer over field names (`/duration_minutes`), or `subject token 2`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub code: DecodeCode,
}

/// Why something could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeCode {
    /// The payload is larger than the limit.
    TooLarge,
    /// Arrays and objects are nested deeper than [`crate::event::MAX_DEPTH`].
    TooDeep,
    /// The payload is not UTF-8.
    NotUtf8,
    /// The payload is not JSON.
    Syntax,
    /// The payload ends in the middle.
    Truncated,
    /// A field is missing.
    MissingField,
    /// A value has another type or form than the field.
    WrongType,
    /// A number does not fit the field's type.
    NumberOutOfRange,
    /// An object has a key twice.
    DuplicateKey,
    /// There is a field that the type does not know and refuses to ignore (`#[serde(deny_unknown_fields)]`).
    UnknownField,
    /// A text contains the character NUL, which databases do not store.
    Nul,
    /// No type of the set has this name.
    UnknownType,
    /// The event was written by a newer version of its type.
    NewerVersion,
    /// The event was written by an older version of its type, which this one is not made of.
    OlderVersion,
    /// The message has no event type.
    Envelope,
    /// A CloudEvents attribute is missing, given twice, or of a wrong type.
    Attribute,
    /// The message is a CloudEvent of another version than 1.x.
    SpecVersion,
    /// The event's data is not said to be JSON in UTF-8.
    ContentType,
    /// The message is a batch of events.
    Batch,
    /// A column's value cannot be read as the field's type.
    Column,
    /// A token of the subject cannot be read as what the subscriber captures.
    Subject,
}

impl DecodeCode {
    /// All of them.
    pub(crate) const ALL: [Self; 21] = [
        Self::TooLarge,
        Self::TooDeep,
        Self::NotUtf8,
        Self::Syntax,
        Self::Truncated,
        Self::MissingField,
        Self::WrongType,
        Self::NumberOutOfRange,
        Self::DuplicateKey,
        Self::UnknownField,
        Self::Nul,
        Self::UnknownType,
        Self::NewerVersion,
        Self::OlderVersion,
        Self::Envelope,
        Self::Attribute,
        Self::SpecVersion,
        Self::ContentType,
        Self::Batch,
        Self::Column,
        Self::Subject,
    ];

    /// The code as a short stable word for logs, metrics and dead letters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::NotUtf8 => "not_utf8",
            Self::Syntax => "syntax",
            Self::Truncated => "truncated",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::DuplicateKey => "duplicate_key",
            Self::UnknownField => "unknown_field",
            Self::Nul => "nul",
            Self::UnknownType => "unknown_type",
            Self::NewerVersion => "newer_version",
            Self::OlderVersion => "older_version",
            Self::Envelope => "envelope",
            Self::Attribute => "attribute",
            Self::SpecVersion => "spec_version",
            Self::ContentType => "content_type",
            Self::Batch => "batch",
            Self::Column => "column",
            Self::Subject => "subject",
        }
    }

    /// The code in words.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::TooLarge => "the payload is larger than the limit",
            Self::TooDeep => "the payload is nested too deeply",
            Self::NotUtf8 => "the payload is not UTF-8",
            Self::Syntax => "the payload is not JSON",
            Self::Truncated => "the payload ends in the middle",
            Self::MissingField => "a field is missing",
            Self::WrongType => "a value has the wrong type or form",
            Self::NumberOutOfRange => "a number does not fit",
            Self::DuplicateKey => "a key is there twice",
            Self::UnknownField => "there is a field that is not known",
            Self::Nul => "a text contains the character NUL",
            Self::UnknownType => "no event type of this name is known here",
            Self::NewerVersion => "the event is of a newer version than this program knows",
            Self::OlderVersion => "the event is of an older version than this program knows",
            Self::Envelope => "the message does not say which event it is",
            Self::Attribute => "the CloudEvents attribute is missing, given twice or of a wrong type",
            Self::SpecVersion => "the message is a CloudEvent of another version than 1.x",
            Self::ContentType => "the data is not JSON in UTF-8",
            Self::Batch => "the message is a batch of events; its publisher must send them one by one",
            Self::Column => "a column's value does not fit the field",
            Self::Subject => "the subject does not fit what the subscriber captures",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot decode `{}`", self.what)?;
        if !self.path.is_empty() {
            write!(f, " at {}", self.path)?;
        }
        write!(f, ": {}", self.code.explain())
    }
}

impl std::error::Error for DecodeError {}

/// What a database said, without its message: engines quote values there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseError {
    /// `postgres` or `sqlite`.
    pub engine: &'static str,
    /// SQLSTATE on Postgres, the extended result code on SQLite.
    pub code: Option<String>,
    /// What the library was doing, or the category of a client-side failure.
    pub what: Cow<'static, str>,
}

impl DatabaseError {
    /// Whether the server is out of something, a full disk say: then the statement was right, and will be again.
    pub(crate) fn is_exhaustion(&self) -> bool {
        match (self.engine, self.code.as_deref()) {
            // class 53 is "insufficient resources"
            ("postgres", Some(code)) => code.starts_with("53"),
            ("sqlite", Some(code)) => code == "13",
            _ => false,
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.engine, self.what)?;
        match &self.code {
            Some(code) => write!(f, " (code {code})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DatabaseError {}

/// A start-up error: names the variable, what was tried and what to do. Never prints a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The environment variable (or the declaration) at fault.
    pub variable: Cow<'static, str>,
    /// What is wrong, and what was tried.
    pub problem: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}\nhelp: {}", self.variable, self.problem, self.help)
    }
}

impl std::error::Error for ConfigError {}

impl DatabaseError {
    /// Serialization failures and deadlocks (SQLSTATE 40001, 40P01): the transaction may be run again.
    #[must_use]
    pub fn is_serialization(&self) -> bool {
        matches!(self.code.as_deref(), Some("40001" | "40P01"))
    }
}
