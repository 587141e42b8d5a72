//! The rules behind `#[validate(..)]`.
//!
//! A derive calls the functions in [`rules`]; each looks through `Option` ("if present"), `Phi` and `Box`.
//! A [`Violation`] names path, rule and bounds, never the value. The same rules as data, for JSON Schema and other
//! descriptions of a type, are [`Validate::RULES`].

mod checker;
mod choice;
mod items;
mod length;
mod moment;
mod range;
mod table;
mod text;
mod violation;
mod wrapped;

#[cfg(test)]
mod tests;

pub use self::checker::Checker;
pub use self::choice::Whole;
pub use self::items::{Items, Nested};
pub use self::length::Length;
pub use self::moment::Moment;
pub(crate) use self::range::whole;
pub use self::range::{Limiting, Ranged};
pub use self::table::{Allowed, FieldRules, Limit, NestedRules, Rule, Unit};
pub use self::text::{Text, is_email, is_url};
pub use self::violation::{Violation, Violations};

/// Something with `#[validate(..)]` rules. Derived along with `Event` and `Entity`.
pub trait Validate {
    /// The type's name, as errors print it.
    const NAME: &'static str;
    /// The names of the fields as serde reads them, so that decode errors may repeat them. Needed only where serde does
    /// not hand them out: with `#[serde(flatten)]`.
    const FIELDS: &'static [&'static str] = &[];
    /// The rules of the fields that have any, in the order of the fields; then those of the struct itself.
    const RULES: &'static [FieldRules] = &[];

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

/// The rules themselves, as a derive calls them.
pub mod rules {
    use super::Checker;
    pub use super::choice::one_of_integers;
    pub use super::items::{each, nested};
    pub use super::length::{bytes, length};
    pub use super::moment::{future, past};
    pub use super::range::range;
    pub use super::text::{email, one_of_texts, pattern, url};

    /// A function of the user's decides. Its message is a constant, so it cannot carry the value.
    #[inline]
    pub fn custom<T: ?Sized>(checker: &mut Checker, value: &T, rule: impl FnOnce(&T) -> Result<(), &'static str>) {
        if let Err(expected) = rule(value) {
            checker.violation("custom", expected);
        }
    }
}
