//! Rules look through `Option` ("if present"), `Phi` and `Box`.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::{Checker, Items, Length, Moment, Ranged, Text, Unit, Whole};
use crate::phi::Phi;

macro_rules! look_through {
    ($wrapper:ident<T $(: ?$sized:ident)?>, $self:ident => $inner:expr) => {
        impl<T: Ranged $(+ ?$sized)?> Ranged for $wrapper<T> {
            type Bound = T::Bound;

            #[inline]
            fn ranged(&$self) -> Option<&T::Bound> {
                $inner.and_then(T::ranged)
            }
        }

        impl<T: Length $(+ ?$sized)?> Length for $wrapper<T> {
            const UNIT: Unit = T::UNIT;

            #[inline]
            fn length(&$self) -> Option<usize> {
                $inner.and_then(T::length)
            }

            #[inline]
            fn is_within(&$self, min: usize, max: usize) -> bool {
                $inner.is_none_or(|value| value.is_within(min, max))
            }
        }

        impl<T: Text $(+ ?$sized)?> Text for $wrapper<T> {
            #[inline]
            fn text(&$self) -> Option<&str> {
                $inner.and_then(T::text)
            }
        }

        impl<T: Whole $(+ ?$sized)?> Whole for $wrapper<T> {
            type Integer = T::Integer;

            #[inline]
            fn whole(&$self) -> Option<T::Integer> {
                $inner.and_then(T::whole)
            }
        }

        impl<T: Moment $(+ ?$sized)?> Moment for $wrapper<T> {
            #[inline]
            fn relative_to(&$self, now: DateTime<Utc>) -> Option<Ordering> {
                $inner.and_then(|value| value.relative_to(now))
            }
        }

        impl<T: Items $(+ ?$sized)?> Items for $wrapper<T> {
            type Item = T::Item;

            #[inline]
            fn check_items(&$self, checker: &mut Checker, rules: impl FnMut(&T::Item, &mut Checker)) {
                if let Some(value) = $inner {
                    value.check_items(checker, rules);
                }
            }
        }
    };
}

look_through!(Option<T>, self => self.as_ref());
look_through!(Phi<T>, self => Some(self.expose()));
look_through!(Box<T: ?Sized>, self => Some(&**self));
