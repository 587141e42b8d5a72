//! For `#[validate(..)]`: each rule as a trait of the field's type, so that a field on which it does not work is reported
//! once, at its type.

pub use regex::Regex;
use serde_json::Value;

pub use crate::validate::{Allowed, FieldRules, Limit, NestedRules, Rule, Unit};
use crate::validate::{Checker, Items, Length, Limiting, Moment, Nested, Ranged, Text, Whole, rules, whole};

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

/// The function of a rule `custom`.
pub type Custom<Argument> = fn(&Argument) -> Result<(), &'static str>;

/// The rule `custom`: what a function may take that checks a field. For a `String` that is `&str` as well.
#[diagnostic::on_unimplemented(
    message = "the function of `#[validate(custom)]` takes `&{Argument}`, but it is given `&{Self}`",
    label = "is not what the function takes",
    note = "it may take `&str` for a `String`, `&[T]` for a `Vec<T>` and `&T` for a `Box<T>`; it does not look through `Option` and `Phi`"
)]
pub trait CustomRule<Argument: ?Sized> {
    fn custom(&self, checker: &mut Checker, rule: Custom<Argument>);
}

macro_rules! custom_rules {
    ($(<$($t:ident)?> $argument:ty, $field:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl$(<$t>)? CustomRule<$argument> for $field {
            #[inline]
            fn custom(&self, checker: &mut Checker, rule: Custom<$argument>) {
                rules::custom::<$argument>(checker, self, rule);
            }
        }
    )*};
}

/// Nothing is of this type. With its impl, no type has a single argument that the compiler would then take for granted
/// instead of asking this trait.
pub struct Nobody(pub [()]);

#[diagnostic::do_not_recommend]
impl<T> CustomRule<Nobody> for T {
    fn custom(&self, _: &mut Checker, _: Custom<Nobody>) {}
}

custom_rules! {
    <T> T, T;
    <> str, String;
    <T> [T], Vec<T>;
    <T> T, Box<T>;
}

/// How many there may be, for the rule `length`.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    min: Option<usize>,
    max: Option<usize>,
}

impl Lengths {
    #[must_use]
    pub const fn at_least(min: usize) -> Self {
        Self { min: Some(min), max: None }
    }

    #[must_use]
    pub const fn at_most(max: usize) -> Self {
        Self { min: None, max: Some(max) }
    }

    #[must_use]
    pub const fn between(min: usize, max: usize) -> Self {
        Self { min: Some(min), max: Some(max) }
    }

    #[must_use]
    pub const fn exactly(count: usize) -> Self {
        Self::between(count, count)
    }
}

/// A rule `length` without its bounds, for the table.
#[derive(Debug, Clone, Copy)]
pub struct LengthOf(Unit);

impl LengthOf {
    #[must_use]
    pub const fn of(self, Lengths { min, max }: Lengths) -> Rule {
        Rule::Length { unit: self.0, min, max }
    }

    #[must_use]
    pub const fn at_least(self, min: usize) -> Rule {
        self.of(Lengths::at_least(min))
    }

    #[must_use]
    pub const fn at_most(self, max: usize) -> Rule {
        self.of(Lengths::at_most(max))
    }

    #[must_use]
    pub const fn between(self, min: usize, max: usize) -> Rule {
        self.of(Lengths::between(min, max))
    }

    #[must_use]
    pub const fn exactly(self, count: usize) -> Rule {
        self.of(Lengths::exactly(count))
    }
}

/// For rules that count: short calls where the bounds are plain numbers.
macro_rules! plain_bounds {
    () => {
        #[inline]
        fn at_least(&self, checker: &mut Checker, min: usize) {
            self.length(checker, Lengths::at_least(min));
        }

        #[inline]
        fn at_most(&self, checker: &mut Checker, max: usize) {
            self.length(checker, Lengths::at_most(max));
        }

        #[inline]
        fn between(&self, checker: &mut Checker, min: usize, max: usize) {
            self.length(checker, Lengths::between(min, max));
        }

        #[inline]
        fn exactly(&self, checker: &mut Checker, count: usize) {
            self.length(checker, Lengths::exactly(count));
        }
    };
}

/// A rule `range` between integers, for the table.
#[must_use]
pub const fn between<const MIN: i128, const MAX: i128>() -> Rule {
    Rule::Range { min: Some(Limit::of(|| whole(MIN))), max: Some(Limit::of(|| whole(MAX))) }
}

#[must_use]
pub const fn at_least<const MIN: i128>() -> Rule {
    Rule::Range { min: Some(Limit::of(|| whole(MIN))), max: None }
}

#[must_use]
pub const fn at_most<const MAX: i128>() -> Rule {
    Rule::Range { min: None, max: Some(Limit::of(|| whole(MAX))) }
}

/// A rule `range` with bounds of any kind, for the table.
#[must_use]
pub const fn limited(min: Option<Limit>, max: Option<Limit>) -> Rule {
    Rule::Range { min, max }
}

/// What a bound is in JSON.
pub fn limit(bound: impl Limiting) -> Value {
    bound.json()
}

/// The rule `range`.
#[diagnostic::on_unimplemented(
    message = "`#[validate(range)]` needs a number, a date, a time or a time span, but `{Self}` is none of them",
    label = "has no order that a range could limit",
    note = "it works on integers, floats, `DateTime<Utc>`, `NaiveDate`, `NaiveTime`, `TimeDelta`, `Duration`, and on `Option`, `Phi` and `Box` of these"
)]
pub trait RangeRule<Bound> {
    fn at_least(&self, checker: &mut Checker, min: Bound);
    fn at_most(&self, checker: &mut Checker, max: Bound);
    fn between(&self, checker: &mut Checker, min: Bound, max: Bound);
}

#[diagnostic::do_not_recommend]
impl<T: Ranged> RangeRule<T::Bound> for T {
    #[inline]
    fn at_least(&self, checker: &mut Checker, min: T::Bound) {
        rules::range(checker, self, Some(min), None);
    }

    #[inline]
    fn at_most(&self, checker: &mut Checker, max: T::Bound) {
        rules::range(checker, self, None, Some(max));
    }

    #[inline]
    fn between(&self, checker: &mut Checker, min: T::Bound, max: T::Bound) {
        rules::range(checker, self, Some(min), Some(max));
    }
}

/// The rule `length`.
#[diagnostic::on_unimplemented(
    message = "`#[validate(length)]` needs a text, a list, a set or a map, but `{Self}` is none of them",
    label = "has no length",
    note = "it counts the characters of texts and the items of `Vec`, sets and maps, also inside `Option`, `Phi` and `Box`"
)]
pub trait LengthRule {
    const RULE: LengthOf;
    fn length(&self, checker: &mut Checker, lengths: Lengths);
    plain_bounds!();
}

#[diagnostic::do_not_recommend]
impl<T: Length> LengthRule for T {
    const RULE: LengthOf = LengthOf(T::UNIT);

    #[inline]
    fn length(&self, checker: &mut Checker, lengths: Lengths) {
        rules::length(checker, self, lengths.min, lengths.max);
    }
}

/// The rule `length` in bytes.
#[diagnostic::on_unimplemented(
    message = "`#[validate(length(bytes))]` needs text, but `{Self}` is not text",
    label = "is not text",
    note = "it works on `String`, and on `Option`, `Phi` and `Box` of it; the items of a list are counted without `bytes`"
)]
pub trait BytesRule {
    const RULE: LengthOf = LengthOf(Unit::Bytes);
    fn length(&self, checker: &mut Checker, lengths: Lengths);
    plain_bounds!();
}

#[diagnostic::do_not_recommend]
impl<T: Text> BytesRule for T {
    #[inline]
    fn length(&self, checker: &mut Checker, lengths: Lengths) {
        rules::bytes(checker, self, lengths.min, lengths.max);
    }
}

/// The rule `nested`.
#[diagnostic::on_unimplemented(
    message = "`#[validate(nested)]` needs a type with rules of its own, but `{Self}` has none",
    label = "has no rules to descend into",
    note = "derive `Validate` for it, or drop `nested`"
)]
pub trait NestedRule {
    const NESTED: NestedRules;
    fn nested(&self, checker: &mut Checker);
}

#[diagnostic::do_not_recommend]
impl<T: Nested> NestedRule for T {
    const NESTED: NestedRules = T::NESTED;

    #[inline]
    fn nested(&self, checker: &mut Checker) {
        rules::nested(checker, self);
    }
}

/// The rule `each`.
#[diagnostic::on_unimplemented(
    message = "`#[validate(each)]` needs a list, a set or a map, but `{Self}` is none of them",
    label = "has no items",
    note = "it works on `Vec`, `VecDeque`, arrays, sets and the values of maps, also inside `Option`, `Phi` and `Box`"
)]
pub trait EachRule {
    type Item;
    fn each(&self, checker: &mut Checker, rules: impl FnMut(&Self::Item, &mut Checker));
}

#[diagnostic::do_not_recommend]
impl<T: Items> EachRule for T {
    type Item = <T as Items>::Item;

    #[inline]
    fn each(&self, checker: &mut Checker, rules: impl FnMut(&Self::Item, &mut Checker)) {
        rules::each(checker, self, rules);
    }
}

/// The rule `one_of` with integers.
#[diagnostic::on_unimplemented(
    message = "`#[validate(one_of)]` with integers needs an integer, but `{Self}` is none",
    label = "is not an integer",
    note = "it works on integers, and on `Option`, `Phi` and `Box` of these"
)]
pub trait OneIntegerRule<Integer> {
    fn one_of(&self, checker: &mut Checker, allowed: &[Integer]);
}

#[diagnostic::do_not_recommend]
impl<T: Whole> OneIntegerRule<T::Integer> for T {
    #[inline]
    fn one_of(&self, checker: &mut Checker, allowed: &[T::Integer]) {
        rules::one_of_integers(checker, self, allowed);
    }
}

macro_rules! rules_of {
    ($needed:ident, $label:literal, $note:literal: $(
        $(#[$doc:meta])*
        $name:ident, $message:literal: $method:ident => $function:ident($($argument:ident: $ty:ty),*);
    )*) => {$(
        $(#[$doc])*
        #[diagnostic::on_unimplemented(message = $message, label = $label, note = $note)]
        pub trait $name {
            fn $method(&self, checker: &mut Checker $(, $argument: $ty)*);
        }

        #[diagnostic::do_not_recommend]
        impl<T: $needed> $name for T {
            #[inline]
            fn $method(&self, checker: &mut Checker $(, $argument: $ty)*) {
                rules::$function(checker, self $(, $argument)*);
            }
        }
    )*};
}

rules_of! {
    Text, "is not text", "it works on `String`, and on `Option`, `Phi` and `Box` of it":

    /// The rule `email`.
    EmailRule, "`#[validate(email)]` needs text, but `{Self}` is not text": email => email();

    /// The rule `url`.
    UrlRule, "`#[validate(url)]` needs text, but `{Self}` is not text": url => url();

    /// The rule `pattern`.
    PatternRule, "`#[validate(pattern)]` needs text, but `{Self}` is not text": pattern => pattern(pattern: &Regex);

    /// The rule `one_of` with texts.
    OneTextRule, "`#[validate(one_of)]` with texts needs text, but `{Self}` is not text":
        one_of => one_of_texts(allowed: &[&str]);
}

rules_of! {
    Moment, "cannot be compared with now", "it works on `DateTime<Utc>` and `NaiveDate`, and on `Option`, `Phi` and `Box` of these":

    /// The rule `past`.
    PastRule, "`#[validate(past)]` needs a time or a date, but `{Self}` is neither": past => past();

    /// The rule `future`.
    FutureRule, "`#[validate(future)]` needs a time or a date, but `{Self}` is neither": future => future();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The derive accepts 250,000 parts; `\w` has 771 of them.
    #[test]
    fn the_largest_expression_that_the_derive_accepts_compiles() {
        assert!(regex(r"^\w{1,324}$").is_match("ada"));
    }
}
