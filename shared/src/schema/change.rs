//! What can change in a contract, and whether anybody breaks.
//!
//! Both directions count: events written by the old program are read by the new one (they wait in streams, outboxes and
//! dead letters), and events written by the new program are read by the old ones (consumers are deployed later).

use std::fmt;

/// A change of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where in the payload, as a JSON pointer over field names; empty for the event itself.
    pub path: String,
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// What was and what is, in words; for an addition what is.
    pub says: String,
}

/// The kinds of changes of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ChangeKind {
    /// The event type is not declared any more.
    EventRemoved,
    /// The event type has another name.
    TypeChanged,
    /// It is published on another subject.
    SubjectChanged,
    /// Another field keeps its order, or none does.
    KeyChanged,
    /// The version is lower than a released one.
    VersionLowered,
    /// The version was raised, but the released one is not converted.
    UpcastMissing,
    /// A field is gone.
    FieldRemoved,
    /// A field is gone, and one of the same form has come.
    FieldRenamed,
    /// A value has another type or form.
    Retyped,
    /// A new field must be there.
    NewRequiredField,
    /// A field that could be absent must be there.
    MadeRequired,
    /// A field that was always there can be absent.
    MadeOptional,
    /// A rule allows less.
    Narrowed,
    /// A value is not protected any more.
    PhiWeakened,
    /// A released payload does not decode any more.
    GoldenBroken,
    /// A new event type.
    EventAdded,
    /// A new version with a conversion from the released one.
    VersionAdded,
    /// A new field that may be absent.
    FieldAdded,
    /// A rule allows more.
    Widened,
    /// A value is protected now.
    PhiAdded,
}

impl ChangeKind {
    /// Whether somebody who reads or writes the released form can go on.
    #[must_use]
    pub fn is_compatible(self) -> bool {
        matches!(self, Self::EventAdded | Self::VersionAdded | Self::FieldAdded | Self::Widened | Self::PhiAdded)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.says)
    }
}
