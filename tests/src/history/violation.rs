//! What must not be.

use std::fmt;

/// Something in a history that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields say who and what
pub enum Violation {
    /// Its writer was told that it is committed, and it is not there.
    Forgotten { name: String },
    /// Its writer was told that it is rolled back, and it is there.
    NotRolledBack { name: String },
    /// Nobody wrote it.
    NeverWritten { name: String },
    /// It is there more than once.
    WrittenTwice { name: String },
    /// It is committed, and was neither handled nor parked.
    Lost { subscriber: String, name: String },
    /// It was handled, and was never committed.
    Invented { subscriber: String, name: String },
    /// It was handled or parked more than once.
    Doubled { subscriber: String, name: String, times: usize },
    /// The second one was committed before the first one, or the two were handled side by side.
    Reordered { subscriber: String, first: String, second: String },
    /// It was parked, and there was nothing wrong with it.
    Parked { subscriber: String, name: String },
    /// It was handled, and should have been parked.
    HandledThoughBad { subscriber: String, name: String },
    /// Events wait in the outbox.
    Pending { events: u64 },
    /// Connections are inside of a transaction that nobody ends.
    Unclean { connections: u64 },
}

impl Violation {
    /// Whether it may be right a moment later, since something is still under way.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Pending { .. } | Self::Unclean { .. })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forgotten { name } => write!(f, "{name} was committed and is not there"),
            Self::NotRolledBack { name } => write!(f, "{name} was rolled back and is there"),
            Self::NeverWritten { name } => write!(f, "{name} is there and nobody wrote it"),
            Self::WrittenTwice { name } => write!(f, "{name} is there more than once"),
            Self::Lost { subscriber, name } => write!(f, "{name} was never handled by `{subscriber}`"),
            Self::Invented { subscriber, name } => {
                write!(f, "{name} was handled by `{subscriber}` and was never committed so")
            }
            Self::Doubled { subscriber, name, times } => {
                write!(f, "{name} was handled {times} times by `{subscriber}`")
            }
            Self::Reordered { subscriber, first, second } => {
                write!(f, "`{subscriber}` handled {first} before {second}, which was committed before it")
            }
            Self::Parked { subscriber, name } => write!(f, "{name} was parked by `{subscriber}` without a reason"),
            Self::HandledThoughBad { subscriber, name } => {
                write!(f, "{name} was handled by `{subscriber}` and should have been parked")
            }
            Self::Pending { events } => write!(f, "{events} events wait in the outbox"),
            Self::Unclean { connections } => {
                write!(f, "{connections} connections are in a transaction that nobody ends")
            }
        }
    }
}
