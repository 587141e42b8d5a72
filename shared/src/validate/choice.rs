//! The rule `one_of`.

use std::fmt::Debug;

use super::Checker;

/// Types that are integers, for the rule `one_of` with integers.
#[diagnostic::on_unimplemented(
    message = "`#[validate(one_of)]` with integers needs an integer, but `{Self}` is none",
    label = "is not an integer",
    note = "it works on the integers, and on `Option`, `Phi` and `Box` of them"
)]
pub trait Whole {
    /// The integer's type.
    type Integer: Copy + PartialEq + Debug + 'static;

    /// The integer, if present.
    fn whole(&self) -> Option<Self::Integer>;
}

macro_rules! whole {
    ($($t:ty),*) => {$(
        impl Whole for $t {
            type Integer = Self;

            #[inline]
            fn whole(&self) -> Option<Self> {
                Some(*self)
            }
        }
    )*};
}
whole!(u8, u16, u32, u64, i8, i16, i32, i64, usize, isize);

/// The integer is one of these.
#[inline]
pub fn one_of_integers<T: Whole + ?Sized>(checker: &mut Checker, value: &T, allowed: &[T::Integer]) {
    if value.whole().is_some_and(|number| !allowed.contains(&number)) {
        violated(checker, allowed);
    }
}

#[cold]
pub(super) fn violated(checker: &mut Checker, allowed: &[impl Debug]) {
    let list: Vec<String> = allowed.iter().map(|allowed| format!("{allowed:?}")).collect();
    checker.violation("one_of", format!("one of {}", list.join(", ")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_is_one_of_the_list() {
        for value in i8::MIN..=i8::MAX {
            let mut checker = Checker::default();
            one_of_integers(&mut checker, &Some(value), &[-1, i8::MIN, 7]);
            let expected = [-1, i8::MIN, 7].contains(&value);
            match checker.finish("Test") {
                Ok(()) => assert!(expected, "{value}"),
                Err(said) => {
                    assert!(!expected, "{value}");
                    assert_eq!(said.to_string(), "`Test` is not valid: / must be one of -1, -128, 7 (one_of)");
                }
            }
        }
        let mut checker = Checker::default();
        one_of_integers(&mut checker, &None::<u64>, &[1]);
        assert_eq!(checker.finish("Test"), Ok(()));
    }
}
