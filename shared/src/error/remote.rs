//! What another service answered instead of a reply.

use std::fmt;

use super::ErrorKind;
use crate::validate::Violation;

/// An error of a responder, as it travelled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteError {
    /// The subject of the query.
    pub subject: &'static str,
    /// The HTTP status that fits.
    pub status: u16,
    /// The class of the error there; [`ErrorKind::Other`] when the responder does not use this library.
    pub kind: ErrorKind,
    /// What it says, without values.
    pub message: String,
    /// Every broken rule, of an error of the kind [`ErrorKind::Invalid`].
    pub violations: Vec<RemoteViolation>,
}

impl RemoteError {
    /// Whether the same question may be answered later.
    pub(super) fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Busy | ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::NoResponders)
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` was answered with an error: {}", self.subject, self.message)
    }
}

impl std::error::Error for RemoteError {}

/// One broken rule, as it travelled: where, which, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RemoteViolation {
    /// A JSON pointer over field names.
    pub path: String,
    /// The rule's name.
    pub rule: String,
    /// What the rule allows, in words.
    pub expected: String,
}

impl From<&Violation> for RemoteViolation {
    fn from(violation: &Violation) -> Self {
        Self { path: violation.path.clone(), rule: violation.rule.to_owned(), expected: violation.expected.clone() }
    }
}
