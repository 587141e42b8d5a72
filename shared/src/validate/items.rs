//! The rules that descend: `nested` into types with rules of their own, `each` into lists, sets and maps.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::{Checker, FieldRules, NestedRules, Validate};
use crate::phi::Phi;

/// Types that the `nested` rule can descend into.
#[diagnostic::on_unimplemented(
    message = "`#[validate(nested)]` needs a type with rules of its own, but `{Self}` has none",
    label = "has no rules to descend into",
    note = "derive `Validate` for it, or drop `nested`"
)]
pub trait Nested {
    /// The rules of the type that is inside.
    const NESTED: NestedRules;

    /// Runs the rules of the value or of every item.
    fn check_nested(&self, checker: &mut Checker);
}

impl<T: Validate> Nested for T {
    const NESTED: NestedRules = NestedRules::new(T::NAME, of::<T>);

    #[inline]
    fn check_nested(&self, checker: &mut Checker) {
        self.check(checker);
    }
}

fn of<T: Validate>() -> &'static [FieldRules] {
    T::RULES
}

/// A box is what is inside it. (Any crate may implement a trait for a box of its type, so only `Validate` itself can
/// be looked through.)
impl<T: Validate> Validate for Box<T> {
    const NAME: &'static str = T::NAME;
    const FIELDS: &'static [&'static str] = T::FIELDS;
    const RULES: &'static [FieldRules] = T::RULES;

    #[inline]
    fn check(&self, checker: &mut Checker) {
        T::check(self, checker);
    }
}

/// Types with items that the `each` rule can descend into.
#[diagnostic::on_unimplemented(
    message = "`#[validate(each)]` needs a list, a set or a map, but `{Self}` is none of them",
    label = "has no items",
    note = "it works on `Vec`, `VecDeque`, sets, the values of maps and arrays, also inside `Option`, `Phi` and `Box`"
)]
pub trait Items {
    /// What an item is; of a map, what a value is.
    type Item;

    /// Runs rules for every item: by its index in a list, as `*` in sets and maps.
    fn check_items(&self, checker: &mut Checker, rules: impl FnMut(&Self::Item, &mut Checker));
}

macro_rules! items {
    ($method:ident: $(<$($parameter:ident),+> $(const $length:ident)? $t:ty, $item:ident;)*) => {$(
        impl<$($parameter),+ $(, const $length: usize)?> Items for $t {
            type Item = $item;

            #[inline]
            fn check_items(&self, checker: &mut Checker, mut rules: impl FnMut(&$item, &mut Checker)) {
                items!(@$method self, checker, rules)
            }
        }
    )*};
    (@listed $self:ident, $checker:ident, $rules:ident) => {
        for (index, item) in $self.iter().enumerate() {
            $checker.item(index, |checker| $rules(item, checker));
        }
    };
    (@unnamed $self:ident, $checker:ident, $rules:ident) => {
        for item in $self {
            $checker.any(|checker| $rules(item, checker));
        }
    };
    (@values $self:ident, $checker:ident, $rules:ident) => {
        for value in $self.values() {
            $checker.any(|checker| $rules(value, checker));
        }
    };
}

items!(listed: <T> Vec<T>, T; <T> VecDeque<T>, T; <T> const N [T; N], T;);
items!(unnamed: <T, S> HashSet<T, S>, T; <T> BTreeSet<T>, T;);
items!(values: <K, V, S> HashMap<K, V, S>, V; <K, V> BTreeMap<K, V>, V;);

macro_rules! nested_in_items {
    ($(<$($parameter:ident),+> $(const $length:ident)? $t:ty, $item:ident;)*) => {$(
        impl<$($parameter),+ $(, const $length: usize)?> Nested for $t
        where
            $item: Nested,
        {
            const NESTED: NestedRules = $item::NESTED;

            #[inline]
            fn check_nested(&self, checker: &mut Checker) {
                self.check_items(checker, |item, checker| item.check_nested(checker));
            }
        }
    )*};
}

nested_in_items! {
    <T> Vec<T>, T;
    <T> VecDeque<T>, T;
    <T> const N [T; N], T;
    <T, S> HashSet<T, S>, T;
    <T> BTreeSet<T>, T;
    <K, V, S> HashMap<K, V, S>, V;
    <K, V> BTreeMap<K, V>, V;
}

macro_rules! look_through {
    ($wrapper:ident<$t:ident>, $self:ident => $inner:expr) => {
        impl<$t: Nested> Nested for $wrapper<$t> {
            const NESTED: NestedRules = $t::NESTED;

            #[inline]
            fn check_nested(&$self, checker: &mut Checker) {
                if let Some(value) = $inner {
                    value.check_nested(checker);
                }
            }
        }
    };
}
look_through!(Option<T>, self => self);
look_through!(Phi<T>, self => Some(self.expose()));

/// The rules of the value's own type hold.
#[inline]
pub fn nested<T: Nested + ?Sized>(checker: &mut Checker, value: &T) {
    value.check_nested(checker);
}

/// The rules hold for every item.
#[inline]
pub fn each<T: Items + ?Sized>(checker: &mut Checker, value: &T, rules: impl FnMut(&T::Item, &mut Checker)) {
    value.check_items(checker, rules);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Even(u8);

    impl Validate for Even {
        const NAME: &'static str = "Even";

        fn check(&self, checker: &mut Checker) {
            checker.field("number", |checker| even(&self.0, checker));
        }
    }

    fn even(number: &u8, checker: &mut Checker) {
        if !number.is_multiple_of(2) {
            checker.violation("custom", "even");
        }
    }

    fn paths(rule: impl FnOnce(&mut Checker)) -> Vec<String> {
        let mut checker = Checker::default();
        rule(&mut checker);
        let violations = checker.finish("Test").err();
        violations.iter().flatten().map(|violation| violation.path.clone()).collect()
    }

    #[test]
    fn items_of_lists_have_their_index() {
        assert_eq!(paths(|checker| each(checker, &vec![1, 2, 3], even)), ["/0", "/2"]);
        assert_eq!(paths(|checker| each(checker, &VecDeque::from([2, 1]), even)), ["/1"]);
        assert_eq!(paths(|checker| each(checker, &[2, 1], even)), ["/1"]);
        assert_eq!(paths(|checker| each(checker, &Some(Phi::new(Box::new(vec![1]))), even)), ["/0"]);
        assert!(paths(|checker| each(checker, &Vec::new(), even)).is_empty());
        assert!(paths(|checker| each(checker, &None::<Vec<u8>>, even)).is_empty());
    }

    #[test]
    fn keys_and_members_are_not_said() {
        let map = BTreeMap::from([("Ada", 1), ("Bob", 2), ("Eve", 3)]);
        assert_eq!(paths(|checker| each(checker, &map, even)), ["/*", "/*"]);
        assert_eq!(paths(|checker| each(checker, &HashMap::from([("Ada", 1)]), even)), ["/*"]);
        assert_eq!(paths(|checker| each(checker, &BTreeSet::from([1, 2]), even)), ["/*"]);
        assert_eq!(paths(|checker| each(checker, &HashSet::from([1, 2]), even)), ["/*"]);
    }

    #[test]
    fn nested_rules_are_found_in_everything_with_items() {
        assert_eq!(paths(|checker| nested(checker, &vec![Even(2), Even(1)])), ["/1/number"]);
        assert_eq!(paths(|checker| nested(checker, &Box::new(Even(1)))), ["/number"]);
        assert_eq!(paths(|checker| nested(checker, &BTreeMap::from([("Ada", Some([Even(1)]))]))), ["/*/0/number"]);
        assert!(paths(|checker| nested(checker, &None::<Phi<Vec<Even>>>)).is_empty());
        assert_eq!(<HashMap<String, Option<Box<Even>>> as Nested>::NESTED.of(), "Even");
    }
}
