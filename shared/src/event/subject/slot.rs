//! What may fill a slot of a subject, and what can be read from one.

use std::borrow::Cow;

use uuid::Uuid;

use super::form::TokenForm;

/// Types that may fill a slot of a subject: their text is always exactly one token.
///
/// They are `Uuid`, the integers, `bool`, [`Token`](super::Token), enums with `#[derive(EntityEnum)]` and newtypes of
/// these with `#[derive(EntityValue)]`. (Both derives are for any type, whether an entity has it or not.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a subject",
    label = "does not make a safe subject token",
    note = "a text may contain dots, blanks or wildcards, and a protected value must not appear in a subject: subjects are visible to every operator",
    note = "use a `Uuid`, an integer, a `bool`, an enum with `#[derive(EntityEnum)]` or a `Token`"
)]
pub trait SubjectToken {
    /// The texts that a token of it may be. Patterns that no value fits do not compile then.
    const FORM: TokenForm = TokenForm::Any;

    /// The token.
    fn token(&self) -> Cow<'static, str>;
}

/// Types that can be read from a token of a subject: the counterpart of [`SubjectToken`].
///
/// All that may fill a slot can be read, and `String`, which takes any token. Implement it for a type of your own to
/// take it as [`Captures`](crate::service::Captures).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a subject",
    label = "is not read from a token",
    note = "use a `Uuid`, an integer, a `bool`, an enum with `#[derive(EntityEnum)]`, a `Token` or a `String`, or implement `shared::event::subject::FromToken`"
)]
pub trait FromToken: Sized {
    /// The texts that it can be read from. Captures that no event fits do not compile then.
    const FORM: TokenForm = TokenForm::Any;

    /// The value whose text the token is, or `None` when it is that of no value.
    fn from_token(token: &str) -> Option<Self>;
}

/// Types that may be an ordering key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an ordering key",
    label = "is not an ordering key",
    note = "an ordering key is a `Uuid`, an integer, a `bool`, a `String`, or a type with `#[derive(EntityValue)]` around one of them",
    note = "a protected value (`Phi`) cannot be an ordering key: keys travel in headers, visible to every operator"
)]
pub trait OrderingKey {
    /// The key as text.
    fn key(&self) -> String;
}

macro_rules! plain {
    ($form:expr => $($t:ty),*) => {$(
        impl SubjectToken for $t {
            const FORM: TokenForm = $form;

            fn token(&self) -> Cow<'static, str> {
                Cow::Owned(self.to_string())
            }
        }
        impl FromToken for $t {
            const FORM: TokenForm = $form;

            fn from_token(token: &str) -> Option<Self> {
                token.parse().ok()
            }
        }
        impl OrderingKey for $t {
            fn key(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
plain!(TokenForm::Uuid => Uuid);
plain!(TokenForm::Integer { signed: false } => u8, u16, u32, u64, u128);
plain!(TokenForm::Integer { signed: true } => i8, i16, i32, i64, i128);
plain!(TokenForm::Bool => bool);

impl FromToken for String {
    fn from_token(token: &str) -> Option<Self> {
        Some(token.to_owned())
    }
}

impl OrderingKey for String {
    fn key(&self) -> String {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back<T: SubjectToken + FromToken + PartialEq + std::fmt::Debug>(value: T) {
        let token = value.token();
        assert!(!token.is_empty() && !token.contains(['.', '*', '>', ' ']), "{token}");
        assert_eq!(T::from_token(&token), Some(value));
        assert!(<T as SubjectToken>::FORM.accepts(&token) && <T as FromToken>::FORM.accepts(&token), "{token}");
    }

    #[test]
    fn what_fills_a_slot_is_read_from_it() {
        there_and_back(crate::id::new());
        there_and_back(Uuid::nil());
        there_and_back(u8::MIN);
        there_and_back(i128::MIN);
        there_and_back(-1_i32);
        there_and_back(u64::MAX);
        there_and_back(true);
    }

    #[test]
    fn a_token_of_another_type_is_not_read() {
        assert_eq!(u8::from_token("256"), None);
        assert_eq!(u32::from_token("-1"), None);
        assert_eq!(i64::from_token("seven"), None);
        assert_eq!(bool::from_token("True"), None);
        assert_eq!(Uuid::from_token("7"), None);
        assert_eq!(String::from_token("Süd"), Some("Süd".to_owned()));
    }
}
