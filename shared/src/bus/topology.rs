//! What differs between the declarations and the server.

use std::fmt;

/// A stream or consumer that is not on the server as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopologyChange {
    /// Which: ``the stream `APPOINTMENT` ``.
    pub what: String,
    /// The setting, `max_age` say; empty when all of it is missing.
    pub setting: String,
    /// What is declared.
    pub declared: String,
    /// What the server has.
    pub server: String,
    /// Why a service does not make the change itself, and what to do; `None` when it makes it at its start.
    pub refusal: Option<Refusal>,
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The variable (or `NATS_URL` for a declaration) that the change comes from.
    pub variable: &'static str,
    /// What it would do.
    pub why: String,
    /// What to do.
    pub help: String,
}

impl TopologyChange {
    /// Whether a service makes it at its start.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.refusal.is_none()
    }
}

impl fmt::Display for TopologyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, setting, declared, server, refusal } = self;
        match refusal {
            None if setting.is_empty() => write!(f, "{what} is missing and will be made"),
            None => write!(f, "{what} has the {setting} {server}, and will get what is declared: {declared}"),
            Some(Refusal { why, help, .. }) => {
                write!(f, "{what} has the {setting} {server}, but declared is {declared}; {why}\nhelp: {help}")
            }
        }
    }
}
