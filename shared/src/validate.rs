//! The rules behind `#[validate(..)]`.
//!
//! A derive calls the functions in [`rules`]; each looks through `Option` ("if present") and `Phi`.
//! A [`Violation`] names path, rule and bounds, never the value.

use std::fmt;

use regex::Regex;

use crate::phi::Phi;

/// Something with `#[validate(..)]` rules. Derived along with `Event` and `Entity`.
pub trait Validate {
    /// The type's name, as errors print it.
    const NAME: &'static str;
    /// The names of the fields as serde reads them, so that decode errors may repeat them.
    const FIELDS: &'static [&'static str] = &[];

    /// Runs every rule and reports each violation to `checker`.
    fn check(&self, checker: &mut Checker);

    /// Runs every rule.
    ///
    /// # Errors
    /// All violations at once.
    fn validate(&self) -> Result<(), Violations> {
        let mut checker = Checker::default();
        self.check(&mut checker);
        checker.finish(Self::NAME)
    }
}

/// One broken rule: where, which, and what it allows. Never the value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// A JSON pointer over field names: `/duration_minutes`, `/lines/0/amount`.
    pub path: String,
    /// The rule: `range`, `length`, `email`, `pattern`, `custom`.
    pub rule: &'static str,
    /// What the rule allows, in words: `5 to 480`.
    pub expected: String,
}

/// Every broken rule of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations {
    of: &'static str,
    list: Vec<Violation>,
}

impl Violations {
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

/// Collects violations while rules run.
#[derive(Debug, Default)]
pub struct Checker {
    path: Vec<Segment>,
    list: Vec<Violation>,
}

#[derive(Debug, Clone, Copy)]
enum Segment {
    Field(&'static str),
    Index(usize),
}

impl Checker {
    /// Runs rules for one field.
    pub fn field(&mut self, name: &'static str, rules: impl FnOnce(&mut Self)) {
        self.path.push(Segment::Field(name));
        rules(self);
        self.path.pop();
    }

    /// Runs rules for one item of a list.
    pub fn item(&mut self, index: usize, rules: impl FnOnce(&mut Self)) {
        self.path.push(Segment::Index(index));
        rules(self);
        self.path.pop();
    }

    /// Reports a broken rule at the current path.
    pub fn violation(&mut self, rule: &'static str, expected: impl Into<String>) {
        use fmt::Write as _;
        let mut path = String::new();
        for segment in &self.path {
            let _infallible = match segment {
                Segment::Field(name) => write!(path, "/{name}"),
                Segment::Index(index) => write!(path, "/{index}"),
            };
        }
        self.list.push(Violation { path, rule, expected: expected.into() });
    }

    /// Ends the check of a value of type `name`.
    ///
    /// # Errors
    /// What was reported, when something was.
    pub fn finish(self, name: &'static str) -> Result<(), Violations> {
        if self.list.is_empty() { Ok(()) } else { Err(Violations { of: name, list: self.list }) }
    }
}

/// Whether a text is an e-mail address, by the HTML standard's definition.
///
/// ```
/// assert!(shared::validate::is_email("ada@example.org"));
/// assert!(!shared::validate::is_email("ada@"));
/// ```
#[must_use]
pub fn is_email(text: &str) -> bool {
    garde::rules::email::parse_email(text).is_ok()
}

/// Types that the `range` rule can compare.
#[diagnostic::on_unimplemented(
    message = "`#[validate(range)]` needs a number, a date or a time, but `{Self}` is none of them",
    label = "has no order that a range could limit",
    note = "it works on integers, floats, `DateTime<Utc>`, `NaiveDate`, `NaiveTime`, `TimeDelta`, and `Option` or `Phi` of these"
)]
pub trait Ranged {
    /// What the bounds are.
    type Bound: PartialOrd + fmt::Display;
    /// The value, if present.
    fn ranged(&self) -> Option<&Self::Bound>;
}

macro_rules! ranged {
    ($($t:ty),*) => {$(
        impl Ranged for $t {
            type Bound = $t;
            fn ranged(&self) -> Option<&$t> { Some(self) }
        }
    )*};
}
ranged!(u8, u16, u32, u64, i8, i16, i32, i64, usize, isize, f32, f64);
ranged!(chrono::DateTime<chrono::Utc>, chrono::NaiveDate, chrono::NaiveTime, chrono::TimeDelta);

/// Types that the `length` rule can count.
#[diagnostic::on_unimplemented(
    message = "`#[validate(length)]` needs a text or a list, but `{Self}` is neither",
    label = "has no length",
    note = "it counts the characters of texts and the items of `Vec` and maps, also inside `Option` and `Phi`"
)]
pub trait Length {
    /// Characters of a text, items of a list, if present.
    fn length(&self) -> Option<usize>;
}

impl Length for String {
    fn length(&self) -> Option<usize> {
        Some(self.chars().count())
    }
}

impl<T> Length for Vec<T> {
    fn length(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<K, V, S> Length for std::collections::HashMap<K, V, S> {
    fn length(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<K, V> Length for std::collections::BTreeMap<K, V> {
    fn length(&self) -> Option<usize> {
        Some(self.len())
    }
}

/// Types that are text, for the rules `email` and `pattern`.
#[diagnostic::on_unimplemented(
    message = "this validation rule needs text, but `{Self}` is not text",
    label = "is not text",
    note = "`email` and `pattern` work on `String`, and on `Option` and `Phi` of it"
)]
pub trait Text {
    /// The text, if present.
    fn text(&self) -> Option<&str>;
}

impl Text for String {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

macro_rules! look_through {
    ($wrapper:ident<T>, $self:ident => $inner:expr) => {
        impl<T: Ranged> Ranged for $wrapper<T> {
            type Bound = T::Bound;
            fn ranged(&$self) -> Option<&T::Bound> { $inner.and_then(Ranged::ranged) }
        }
        impl<T: Length> Length for $wrapper<T> {
            fn length(&$self) -> Option<usize> { $inner.and_then(Length::length) }
        }
        impl<T: Text> Text for $wrapper<T> {
            fn text(&$self) -> Option<&str> { $inner.and_then(Text::text) }
        }
        impl<T: Nested> Nested for $wrapper<T> {
            fn check_nested(&$self, checker: &mut Checker) {
                if let Some(value) = $inner { value.check_nested(checker) }
            }
        }
    };
}
look_through!(Option<T>, self => self.as_ref());
look_through!(Phi<T>, self => Some(self.expose()));

impl<T: Nested> Nested for Vec<T> {
    fn check_nested(&self, checker: &mut Checker) {
        for (index, value) in self.iter().enumerate() {
            checker.item(index, |checker| value.check_nested(checker));
        }
    }
}

/// Types that the `nested` rule can descend into.
#[diagnostic::on_unimplemented(
    message = "`#[validate(nested)]` needs a type with rules of its own, but `{Self}` has none",
    label = "has no rules to descend into",
    note = "derive `Validate` for it, or drop `nested`"
)]
pub trait Nested {
    /// Runs the rules of the value or of every item.
    fn check_nested(&self, checker: &mut Checker);
}

impl<T: Validate> Nested for T {
    fn check_nested(&self, checker: &mut Checker) {
        self.check(checker);
    }
}

/// The rules themselves, as a derive calls them.
pub mod rules {
    use super::{Checker, Length, Ranged, Regex, Text, fmt};

    fn between<T: fmt::Display>(min: Option<T>, max: Option<T>, unit: &str) -> String {
        match (min, max) {
            (Some(min), Some(max)) => format!("{min} to {max}{unit}"),
            (Some(min), None) => format!("at least {min}{unit}"),
            (None, Some(max)) => format!("at most {max}{unit}"),
            (None, None) => format!("any{unit}"),
        }
    }

    /// The value lies between the bounds, both included. `NaN` never does.
    pub fn range<T: Ranged + ?Sized>(checker: &mut Checker, value: &T, min: Option<T::Bound>, max: Option<T::Bound>) {
        let Some(value) = value.ranged() else { return };
        let inside = min.as_ref().is_none_or(|min| value >= min) && max.as_ref().is_none_or(|max| value <= max);
        if !inside {
            checker.violation("range", between(min, max, ""));
        }
    }

    /// The number of characters or items lies between the bounds, both included.
    pub fn length<T: Length + ?Sized>(checker: &mut Checker, value: &T, min: Option<usize>, max: Option<usize>) {
        let Some(length) = value.length() else { return };
        if min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max) {
            checker.violation("length", between(min, max, " long"));
        }
    }

    /// The text is an e-mail address.
    pub fn email<T: Text + ?Sized>(checker: &mut Checker, value: &T) {
        if value.text().is_some_and(|text| !super::is_email(text)) {
            checker.violation("email", "an e-mail address");
        }
    }

    /// The text matches the regular expression somewhere; anchor it with `^` and `$` for the whole.
    pub fn pattern<T: Text + ?Sized>(checker: &mut Checker, value: &T, pattern: &Regex) {
        if value.text().is_some_and(|text| !pattern.is_match(text)) {
            checker.violation("pattern", format!("text that matches {}", pattern.as_str()));
        }
    }

    /// A function of the user's decides. Its message is a constant, so it cannot carry the value.
    pub fn custom<T: ?Sized>(checker: &mut Checker, value: &T, rule: impl FnOnce(&T) -> Result<(), &'static str>) {
        if let Err(expected) = rule(value) {
            checker.violation("custom", expected);
        }
    }

    /// The rules of the value's own type hold.
    pub fn nested<T: super::Nested + ?Sized>(checker: &mut Checker, value: &T) {
        value.check_nested(checker);
    }
}
