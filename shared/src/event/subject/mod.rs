//! Subjects and patterns: one matcher for compile time and run time.
//!
//! A subject is made of tokens separated by dots. In a pattern `*` stands for one token and `>` for one
//! or more at the end (<https://docs.nats.io/nats-concepts/subjects>). An event's declared subject may
//! have slots, `clinic.{clinic_id}.appointment.scheduled`; a slot stands for any one token.
//!
//! - [`covers`] and [`can_match`] compare one pattern with one subject, also in constants.
//! - [`PatternMap`] finds the patterns that cover a subject, among any number of them.
//! - [`captured`] takes out of a subject what stands for a pattern's wildcards.
//! - [`SubjectToken`] is what may fill a slot, [`FromToken`] what can be read from one; [`Token`] is the
//!   text that is both. [`TokenForm`] is what can be proven of them.

mod capture;
mod defect;
mod form;
mod map;
mod matcher;
mod slot;
mod token;

pub use self::capture::{Captured, captured, wildcards};
pub use self::defect::{defect, pattern_defect};
pub use self::form::TokenForm;
pub use self::map::{Matches, PatternMap};
pub use self::matcher::{can_match, covers, has_wildcard};
pub use self::slot::{FromToken, OrderingKey, SubjectToken};
pub use self::token::{InvalidToken, Token};

/// The first token of a subject or pattern: its domain.
#[must_use]
pub fn domain(subject: &str) -> &str {
    subject.split('.').next().unwrap_or(subject)
}
