//! The rules of a type as data, for whoever describes it: JSON Schema, documentation.

use std::fmt;

use serde_json::Value;

/// The rules of one field.
#[derive(Debug, Clone, Copy)]
pub struct FieldRules {
    /// The field's name in JSON; empty for the rules of the struct itself.
    pub field: &'static str,
    /// Its rules, in the order in which they were written.
    pub rules: &'static [Rule],
}

impl FieldRules {
    /// The rules of the field with this name in JSON.
    #[must_use]
    pub const fn of(field: &'static str, rules: &'static [Rule]) -> Self {
        Self { field, rules }
    }
}

/// One rule of `#[validate(..)]`. All look through `Option` and `Phi`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Rule {
    /// The value lies between the bounds, both included.
    Range {
        /// The least value.
        min: Option<Limit>,
        /// The greatest value.
        max: Option<Limit>,
    },
    /// There are so many of these.
    Length {
        /// What is counted.
        unit: Unit,
        /// The least number.
        min: Option<usize>,
        /// The greatest number.
        max: Option<usize>,
    },
    /// The text is an e-mail address.
    Email,
    /// The text is an absolute URL.
    Url,
    /// The regular expression matches somewhere in the text.
    Pattern(&'static str),
    /// The value is one of these.
    OneOf(&'static [Allowed]),
    /// The time is before now, the day before today.
    Past,
    /// The time is after now, the day after today.
    Future,
    /// A function of the user's decides; this is its path as it was written.
    Custom(&'static str),
    /// The rules of the value's own type hold: those of what is in `Box`, of every item of a list, of every value of
    /// a map.
    Nested(NestedRules),
    /// These rules hold for every item of a list or a set, for every value of a map.
    Each(&'static [Rule]),
}

impl Rule {
    /// The rule's name, as it is written and as violations have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Range { .. } => "range",
            Self::Length { .. } => "length",
            Self::Email => "email",
            Self::Url => "url",
            Self::Pattern(_) => "pattern",
            Self::OneOf(_) => "one_of",
            Self::Past => "past",
            Self::Future => "future",
            Self::Custom(_) => "custom",
            Self::Nested(_) => "nested",
            Self::Each(_) => "each",
        }
    }
}

/// A bound of a [`Rule::Range`].
#[derive(Clone, Copy)]
pub struct Limit(fn() -> Value);

impl Limit {
    /// The bound that the function computes.
    #[must_use]
    pub const fn of(value: fn() -> Value) -> Self {
        Self(value)
    }

    /// The bound in JSON: a number; dates and times as RFC 3339 has them; time spans as ISO 8601 has them, `PT90S`.
    #[must_use]
    pub fn value(&self) -> Value {
        (self.0)()
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

/// What a [`Rule::Length`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// The characters (Unicode scalar values) of a text.
    Characters,
    /// The bytes of a text in UTF-8.
    Bytes,
    /// The items of a list, a set or a map.
    Items,
}

impl Unit {
    /// What so many are called: `1 character`, `2 characters`.
    pub(super) const fn noun(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Characters, 1) => "character",
            (Self::Characters, _) => "characters",
            (Self::Bytes, 1) => "byte",
            (Self::Bytes, _) => "bytes",
            (Self::Items, 1) => "item",
            (Self::Items, _) => "items",
        }
    }
}

/// A value that [`Rule::OneOf`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allowed {
    /// A text.
    Text(&'static str),
    /// An integer.
    Integer(i128),
}

impl From<Allowed> for Value {
    fn from(allowed: Allowed) -> Self {
        match allowed {
            Allowed::Text(text) => text.into(),
            Allowed::Integer(number) => super::range::whole(number),
        }
    }
}

/// The rules of a type that a [`Rule::Nested`] descends into. A type may contain itself, so they are looked up when
/// they are asked for.
#[derive(Clone, Copy)]
pub struct NestedRules {
    of: &'static str,
    rules: fn() -> &'static [FieldRules],
}

impl NestedRules {
    /// The rules of the type with this name.
    #[must_use]
    pub const fn new(of: &'static str, rules: fn() -> &'static [FieldRules]) -> Self {
        Self { of, rules }
    }

    /// The name of the type.
    #[must_use]
    pub const fn of(&self) -> &'static str {
        self.of
    }

    /// The rules of its fields. A type that contains itself is found in them again.
    #[must_use]
    pub fn rules(&self) -> &'static [FieldRules] {
        (self.rules)()
    }
}

impl fmt::Debug for NestedRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NestedRules").field(&self.of).finish()
    }
}
