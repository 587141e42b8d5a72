//! What is promised, and how a run broke it.

use std::fmt;

/// A promise of the library, as the README numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code)] // numbered as a whole; some are proven by other tests
pub(crate) enum Promise {
    /// Events of a committed transaction are delivered; of a rolled-back one, never.
    G1,
    /// … even if the broker loses messages that it had acknowledged.
    G2,
    /// The effects of a handler in the database are there once per event.
    G3,
    /// Events with one key are handled in the order of their commits.
    G4,
    /// One bad message never holds up another key, and is parked with its reason.
    G5,
    /// Nothing stalls silently.
    G6,
    /// Every future may be dropped at any await.
    G7,
    /// A shutdown ends in time, with nothing lost.
    G8,
    /// Memory is bounded.
    G9,
}

/// What was found to be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// `None`: the code panicked.
    pub(crate) promise: Option<Promise>,
    pub(crate) how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.promise {
            Some(promise) => write!(f, "{promise:?}: {}", self.how),
            None => f.write_str(&self.how),
        }
    }
}
