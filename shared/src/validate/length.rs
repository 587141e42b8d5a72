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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(rule: impl FnOnce(&mut Checker)) -> Option<String> {
        let mut checker = Checker::default();
        rule(&mut checker);
        checker.finish("Test").err().map(|violations| violations.iter().map(|v| v.expected.clone()).collect())
    }

    /// Characters of one, two, three and four bytes.
    const CHARACTERS: [char; 8] = ['a', '\u{0}', 'ä', 'ß', '€', '山', '🩺', '\u{10ffff}'];

    #[test]
    fn looking_at_bytes_first_changes_nothing() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let text: String = (0..random.usize(..12)).map(|_| random.choice(CHARACTERS).unwrap_or('a')).collect();
            let (min, max) = (random.usize(..14), random.usize(..14));
            let characters = text.chars().count();
            assert_eq!(text.is_within(min, max), (min..=max).contains(&characters), "{text:?} {min} {max}");
            assert_eq!(text.length(), Some(characters));
        }
        assert!("".is_within(0, 0) && !"".is_within(1, usize::MAX) && "🩺".is_within(0, usize::MAX));
    }

    #[test]
    fn texts_have_characters_and_bytes() {
        assert_eq!(said(|checker| length(checker, "🩺", None, Some(1))), None);
        assert_eq!(said(|checker| bytes(checker, "🩺", None, Some(4))), None);
        assert_eq!(said(|checker| bytes(checker, "🩺", None, Some(3))), Some("at most 3 bytes".into()));
        assert_eq!(said(|checker| bytes(checker, "", Some(1), None)), Some("at least 1 byte".into()));
        assert_eq!(said(|checker| bytes(checker, "ab", Some(1), Some(1))), Some("exactly 1 byte".into()));
        assert_eq!(said(|checker| length(checker, "", Some(1), None)), Some("at least 1 character".into()));
        assert_eq!(said(|checker| length(checker, "abc", Some(1), Some(2))), Some("1 to 2 characters".into()));
    }

    #[test]
    fn everything_else_has_items() {
        let map: HashMap<u8, u8> = [(1, 1)].into();
        assert_eq!(said(|checker| length(checker, &map, Some(1), Some(1))), None);
        assert_eq!(said(|checker| length(checker, &map, Some(2), None)), Some("at least 2 items".into()));
        assert_eq!(
            said(|checker| length(checker, &BTreeMap::from([(1, 1)]), None, Some(0))),
            Some("at most 0 items".into())
        );
        assert_eq!(said(|checker| length(checker, &BTreeSet::from([1]), None, Some(1))), None);
        assert_eq!(said(|checker| length(checker, &HashSet::from([1]), None, Some(1))), None);
        assert_eq!(said(|checker| length(checker, &VecDeque::from([1]), None, Some(1))), None);
        assert_eq!(said(|checker| length(checker, &vec![0; 3], Some(3), Some(3))), None);
    }

    #[test]
    fn what_is_absent_has_the_right_length() {
        assert_eq!(said(|checker| length(checker, &None::<String>, Some(1), None)), None);
        assert_eq!(said(|checker| bytes(checker, &None::<String>, Some(1), None)), None);
        assert!(said(|checker| length(checker, &Some(crate::Phi::new(String::new())), Some(1), None)).is_some());
        assert!(said(|checker| length(checker, &Box::new(Some(Vec::<u8>::new())), Some(1), None)).is_some());
    }
}
