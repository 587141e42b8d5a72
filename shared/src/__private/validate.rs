//! For `#[validate(..)]`: each rule as a trait of the field's type, so that a field on which it does not work is reported
//! once, at its type.

use std::ops::{RangeFrom, RangeInclusive, RangeToInclusive};

pub use regex::Regex;

pub use crate::validate::rules::custom;
use crate::validate::{Checker, Length, Nested, Ranged, Text, rules};

/// The expression of a `pattern` rule.
///
/// # Panics
/// When it is no regular expression or a huge one; the derive has refused those.
#[must_use]
pub fn regex(pattern: &'static str) -> Regex {
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 30)
        .build()
        .expect("checked while the program was compiled: the expression is valid and of bounded size")
}

/// Compares the bounds of a rule.
///
/// # Panics
/// With the message when they are the wrong way round: that ends the compilation.
#[track_caller]
pub const fn check_order(ordered: bool, message: &'static str) {
    if !ordered {
        panic!("{}", message);
    }
}

/// The bounds of a rule as generated code writes them: `5..=480`, `5..`, `..=480`.
pub trait Limits<Bound> {
    fn ends(self) -> (Option<Bound>, Option<Bound>);
}

impl<Bound> Limits<Bound> for RangeInclusive<Bound> {
    fn ends(self) -> (Option<Bound>, Option<Bound>) {
        let (min, max) = self.into_inner();
        (Some(min), Some(max))
    }
}

impl<Bound> Limits<Bound> for RangeFrom<Bound> {
    fn ends(self) -> (Option<Bound>, Option<Bound>) {
        (Some(self.start), None)
    }
}

impl<Bound> Limits<Bound> for RangeToInclusive<Bound> {
    fn ends(self) -> (Option<Bound>, Option<Bound>) {
        (None, Some(self.end))
    }
}

/// The rule `range`.
#[diagnostic::on_unimplemented(
    message = "`#[validate(range)]` needs a number, a date or a time, but `{Self}` is none of them",
    label = "has no order that a range could limit",
    note = "it works on integers, floats, `DateTime<Utc>`, `NaiveDate`, `NaiveTime`, `TimeDelta`, and on `Option` and `Phi` of these"
)]
pub trait RangeRule<Bound> {
    fn range(&self, checker: &mut Checker, limits: impl Limits<Bound>);
}

#[diagnostic::do_not_recommend]
impl<T: Ranged> RangeRule<T::Bound> for T {
    fn range(&self, checker: &mut Checker, limits: impl Limits<T::Bound>) {
        let (min, max) = limits.ends();
        rules::range(checker, self, min, max);
    }
}

/// The rule `length`.
#[diagnostic::on_unimplemented(
    message = "`#[validate(length)]` needs a text or a list, but `{Self}` is neither",
    label = "has no length",
    note = "it counts the characters of texts and the items of `Vec` and maps, also inside `Option` and `Phi`"
)]
pub trait LengthRule {
    fn length(&self, checker: &mut Checker, limits: impl Limits<usize>);
}

#[diagnostic::do_not_recommend]
impl<T: Length> LengthRule for T {
    fn length(&self, checker: &mut Checker, limits: impl Limits<usize>) {
        let (min, max) = limits.ends();
        rules::length(checker, self, min, max);
    }
}

/// The rule `nested`.
#[diagnostic::on_unimplemented(
    message = "`#[validate(nested)]` needs a type with rules of its own, but `{Self}` has none",
    label = "has no rules to descend into",
    note = "derive `Validate` for it, or drop `nested`"
)]
pub trait NestedRule {
    fn nested(&self, checker: &mut Checker);
}

#[diagnostic::do_not_recommend]
impl<T: Nested> NestedRule for T {
    fn nested(&self, checker: &mut Checker) {
        rules::nested(checker, self);
    }
}

/// The rule `email`.
#[diagnostic::on_unimplemented(
    message = "`#[validate(email)]` needs text, but `{Self}` is not text",
    label = "is not text",
    note = "it works on `String`, and on `Option` and `Phi` of it"
)]
pub trait EmailRule {
    fn email(&self, checker: &mut Checker);
}

/// The rule `pattern`.
#[diagnostic::on_unimplemented(
    message = "`#[validate(pattern)]` needs text, but `{Self}` is not text",
    label = "is not text",
    note = "it works on `String`, and on `Option` and `Phi` of it"
)]
pub trait PatternRule {
    fn pattern(&self, checker: &mut Checker, pattern: &Regex);
}

#[diagnostic::do_not_recommend]
impl<T: Text> EmailRule for T {
    fn email(&self, checker: &mut Checker) {
        rules::email(checker, self);
    }
}

#[diagnostic::do_not_recommend]
impl<T: Text> PatternRule for T {
    fn pattern(&self, checker: &mut Checker, pattern: &Regex) {
        rules::pattern(checker, self, pattern);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The derive accepts 250,000 parts; `\w` has 771 of them.
    #[test]
    fn the_largest_expression_that_the_derive_accepts_compiles() {
        assert!(regex(r"^\w{1,324}$").is_match("ada"));
    }

    #[test]
    fn limits_are_what_they_look_like() {
        assert_eq!(Limits::ends(5..=480), (Some(5), Some(480)));
        assert_eq!(Limits::ends(5..), (Some(5), None));
        assert_eq!(Limits::ends(..=480), (None, Some(480)));
    }
}
