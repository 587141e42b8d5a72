//! What is said about a value that broke rules.

use std::fmt;

/// One broken rule: where, which, and what it allows. Never the value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// A JSON pointer (RFC 6901) over field names: `/duration_minutes`, `/lines/0/amount`; empty for the value as a
    /// whole. What belongs to a key of a map or to a member of a set says `*`: the key may be a patient's.
    pub path: String,
    /// The rule's name: `range`, `length`, `email`.
    pub rule: &'static str,
    /// What the rule allows, in words: `5 to 480`.
    pub expected: String,
}

/// Every broken rule of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations {
    pub(super) of: &'static str,
    pub(super) list: Vec<Violation>,
}

impl Violations {
    pub(crate) fn one(of: &'static str, violation: Violation) -> Self {
        Self { of, list: vec![violation] }
    }

    /// The name of the type that was validated.
    #[must_use]
    pub fn of(&self) -> &'static str {
        self.of
    }

    /// The violations, in the order of the fields.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.list.iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not valid: ", self.of)?;
        for (i, violation) in self.list.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            let path = if violation.path.is_empty() { "/" } else { &violation.path };
            write!(f, "{path} must be {} ({})", violation.expected, violation.rule)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}
