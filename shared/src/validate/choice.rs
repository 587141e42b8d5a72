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
