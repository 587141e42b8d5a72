//! The rule `length`: what can be counted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::{Checker, Text, Unit};

/// Types that the `length` rule can count.
#[diagnostic::on_unimplemented(
    message = "`#[validate(length)]` needs a text, a list, a set or a map, but `{Self}` is none of them",
    label = "has no length",
    note = "it counts the characters of texts and the items of `Vec`, sets and maps, also inside `Option`, `Phi` and `Box`"
)]
pub trait Length {
    /// What is counted: characters of a text, items of everything else.
    const UNIT: Unit;

    /// How many there are, if present.
    fn length(&self) -> Option<usize>;

    /// Whether so many are there, or nothing is. Does not count further than it needs to.
    #[inline]
    fn is_within(&self, min: usize, max: usize) -> bool {
        self.length().is_none_or(|length| (min..=max).contains(&length))
    }
}

impl Length for str {
    const UNIT: Unit = Unit::Characters;

    #[inline]
    fn length(&self) -> Option<usize> {
        Some(self.chars().count())
    }

    /// A character is one to four bytes, so it is most often enough to look at the number of bytes.
    #[inline]
    fn is_within(&self, min: usize, max: usize) -> bool {
        let bytes = self.len();
        if bytes <= max && bytes.div_ceil(4) >= min {
            return true;
        }
        if bytes < min || bytes.div_ceil(4) > max {
            return false;
        }
        (min..=max).contains(&self.chars().count())
    }
}

impl Length for String {
    const UNIT: Unit = Unit::Characters;

    #[inline]
    fn length(&self) -> Option<usize> {
        self.as_str().length()
    }

    #[inline]
    fn is_within(&self, min: usize, max: usize) -> bool {
        self.as_str().is_within(min, max)
    }
}

macro_rules! items {
    ($(<$($parameter:ident),+> $t:ty;)*) => {$(
        impl<$($parameter),+> Length for $t {
            const UNIT: Unit = Unit::Items;

            #[inline]
            fn length(&self) -> Option<usize> {
                Some(self.len())
            }
        }
    )*};
}

items! {
    <T> Vec<T>;
    <T> VecDeque<T>;
    <T, S> HashSet<T, S>;
    <T> BTreeSet<T>;
    <K, V, S> HashMap<K, V, S>;
    <K, V> BTreeMap<K, V>;
}

/// The number of characters or items lies between the bounds, both included.
#[inline]
pub fn length<T: Length + ?Sized>(checker: &mut Checker, value: &T, min: Option<usize>, max: Option<usize>) {
    if !value.is_within(min.unwrap_or(0), max.unwrap_or(usize::MAX)) {
        violated(checker, T::UNIT, min, max);
    }
}

/// The number of bytes of the text in UTF-8 lies between the bounds, both included.
#[inline]
pub fn bytes<T: Text + ?Sized>(checker: &mut Checker, value: &T, min: Option<usize>, max: Option<usize>) {
    let Some(text) = value.text() else { return };
    if !(min.unwrap_or(0)..=max.unwrap_or(usize::MAX)).contains(&text.len()) {
        violated(checker, Unit::Bytes, min, max);
    }
}

#[cold]
fn violated(checker: &mut Checker, unit: Unit, min: Option<usize>, max: Option<usize>) {
    let expected = match (min, max) {
        (Some(min), Some(max)) if min == max => format!("exactly {min} {}", unit.noun(min)),
        (Some(min), Some(max)) => format!("{min} to {max} {}", unit.noun(max)),
        (Some(min), None) => format!("at least {min} {}", unit.noun(min)),
        (None, Some(max)) => format!("at most {max} {}", unit.noun(max)),
        (None, None) => format!("any number of {}", unit.noun(0)),
    };
    checker.violation("length", expected);
}
