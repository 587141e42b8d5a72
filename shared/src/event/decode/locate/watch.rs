//! What stands between a type and serde_json: a deserializer, and the visitors, sequences and maps that it takes to see
//! all of a payload.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::{Failure, Names, Step, Tracker};
use crate::error::DecodeCode;

/// Where a key is put down that is about to be read.
type Slot<'t> = &'t RefCell<Option<String>>;

/// A deserializer whose place is known.
pub(super) struct At<'t, D> {
    inner: D,
    tracker: &'t Tracker,
    /// Of a key: where to put it down.
    key: Option<Slot<'t>>,
}

impl<'t, D> At<'t, D> {
    pub(super) fn the_whole(inner: D, tracker: &'t Tracker) -> Self {
        Self { inner, tracker, key: None }
    }
}

/// A visitor of what is at a place.
struct Watch<'t, V> {
    inner: V,
    tracker: &'t Tracker,
    key: Option<Slot<'t>>,
    /// The fields of a struct.
    fields: Option<Names>,
}

macro_rules! pass_on {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            let Self { inner, tracker, key } = self;
            let watch = Watch { inner: visitor, tracker, key, fields: None };
            inner.$method(watch).map_err(|error| tracker.note_parser(&error))
        }
    )*};
}

macro_rules! pass_on_with {
    ($($method:ident($($argument:ident: $ty:ty),*) $fields:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $ty,)* visitor: V) -> Result<V::Value, Failure> {
            let Self { inner, tracker, key } = self;
            let watch = Watch { inner: visitor, tracker, key, fields: $fields };
            inner.$method($($argument,)* watch).map_err(|error| tracker.note_parser(&error))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for At<'_, D> {
    type Error = Failure;

    pass_on! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_option deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any
    }
    pass_on_with! {
        deserialize_unit_struct(name: &'static str) None;
        deserialize_newtype_struct(name: &'static str) None;
        deserialize_tuple(len: usize) None;
        deserialize_tuple_struct(name: &'static str, len: usize) None;
        deserialize_struct(name: &'static str, fields: Names) Some(fields);
        deserialize_enum(name: &'static str, variants: Names) None;
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<V> Watch<'_, V> {
    /// What the type says of a value. Its error is noted; the parser only learns that there is one.
    fn says<T, E: de::Error>(self, ask: impl FnOnce(V) -> Result<T, Failure>) -> Result<T, E> {
        let tracker = self.tracker;
        ask(self.inner).map_err(|failure| stop(tracker, failure))
    }

    /// A text, which is put down if it is a key. NUL is in no text that a database could store.
    fn text<T, E: de::Error>(self, text: &str, ask: impl FnOnce(V) -> Result<T, Failure>) -> Result<T, E> {
        if let Some(slot) = self.key {
            *slot.borrow_mut() = Some(text.to_owned());
        }
        let nul = text.contains('\0');
        self.says(|visitor| if nul { Err(Failure::Found(DecodeCode::Nul, None)) } else { ask(visitor) })
    }
}

fn stop<E: de::Error>(tracker: &Tracker, failure: Failure) -> E {
    tracker.note(failure);
    E::custom("found")
}

macro_rules! plain_values {
    ($($method:ident($ty:ty))*) => {$(
        fn $method<E: de::Error>(self, value: $ty) -> Result<V::Value, E> {
            self.says(|visitor| visitor.$method(value))
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watch<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    plain_values! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128) visit_u8(u8)
        visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32) visit_f64(f64) visit_char(char)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<V::Value, E> {
        self.text(text, |visitor| visitor.visit_str(text))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.text(text, |visitor| visitor.visit_borrowed_str(text))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<V::Value, E> {
        self.text(&text.clone(), |visitor| visitor.visit_string(text))
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.says(Visitor::visit_none)
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.says(Visitor::visit_unit)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let (tracker, key) = (self.tracker, self.key);
        self.says(|visitor| visitor.visit_some(At { inner, tracker, key }))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let (tracker, key) = (self.tracker, self.key);
        self.says(|visitor| visitor.visit_newtype_struct(At { inner, tracker, key }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let tracker = self.tracker;
        self.says(|visitor| visitor.visit_seq(Items { inner, tracker, next: 0 }))
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let (tracker, fields) = (self.tracker, self.fields);
        let first_level = if tracker.is_outermost() { tracker.fields } else { &[] };
        let entries = Entries {
            inner,
            tracker,
            fields: [fields.unwrap_or_default(), first_level],
            seen: fields.is_none().then(HashSet::new),
            step: Step::Key,
        };
        self.says(|visitor| visitor.visit_map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let tracker = self.tracker;
        self.says(|visitor| visitor.visit_enum(At { inner, tracker, key: None }))
    }
}

/// What is read at a place.
struct Seed<'t, S> {
    inner: S,
    tracker: &'t Tracker,
    key: Option<Slot<'t>>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let Self { inner: seed, tracker, key } = self;
        seed.deserialize(At { inner, tracker, key }).map_err(|failure| stop(tracker, failure))
    }
}

struct Items<'t, A> {
    inner: A,
    tracker: &'t Tracker,
    next: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, inner: S) -> Result<Option<S::Value>, Failure> {
        let tracker = self.tracker;
        tracker.enter(Step::Item(self.next));
        self.next += 1;
        let item = self.inner.next_element_seed(Seed { inner, tracker, key: None });
        let item = item.map_err(|error| tracker.note_parser(&error))?;
        tracker.leave();
        Ok(item)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

struct Entries<'t, A> {
    inner: A,
    tracker: &'t Tracker,
    /// The keys that may be repeated.
    fields: [Names; 2],
    /// The keys so far, where a type would take the last of those that are the same. A struct minds them itself.
    seen: Option<HashSet<String>>,
    step: Step,
}

impl<A> Entries<'_, A> {
    /// Takes note of a key that was read.
    fn at(&mut self, key: Option<String>) -> Result<(), Failure> {
        let name = |key: &str| self.fields.iter().copied().flatten().copied().find(|name| *name == key);
        self.step = key.as_deref().and_then(name).map_or(Step::Key, Step::Field);
        if let (Some(seen), Some(key)) = (&mut self.seen, key)
            && !seen.insert(key)
        {
            self.tracker.enter(self.step);
            self.tracker.note(Failure::Found(DecodeCode::DuplicateKey, None));
            return Err(Failure::Noted);
        }
        Ok(())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, A> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, inner: S) -> Result<Option<S::Value>, Failure> {
        let (tracker, slot) = (self.tracker, RefCell::default());
        let key = self.inner.next_key_seed(Seed { inner, tracker, key: Some(&slot) });
        let key = key.map_err(|error| tracker.note_parser(&error))?;
        if key.is_some() {
            self.at(slot.into_inner())?;
        }
        Ok(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, inner: S) -> Result<S::Value, Failure> {
        let tracker = self.tracker;
        tracker.enter(self.step);
        let value = self.inner.next_value_seed(Seed { inner, tracker, key: None });
        let value = value.map_err(|error| tracker.note_parser(&error))?;
        tracker.leave();
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 't, A: EnumAccess<'de>> EnumAccess<'de> for At<'t, A> {
    type Error = Failure;
    type Variant = At<'t, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, inner: S) -> Result<(S::Value, Self::Variant), Failure> {
        let tracker = self.tracker;
        let variant = self.inner.variant_seed(Seed { inner, tracker, key: None });
        let (value, inner) = variant.map_err(|error| tracker.note_parser(&error))?;
        Ok((value, At { inner, tracker, key: None }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for At<'_, A> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        self.inner.unit_variant().map_err(|error| self.tracker.note_parser(&error))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, inner: S) -> Result<S::Value, Failure> {
        let Self { inner: variant, tracker, .. } = self;
        variant.newtype_variant_seed(Seed { inner, tracker, key: None }).map_err(|error| tracker.note_parser(&error))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, inner: V) -> Result<V::Value, Failure> {
        let Self { inner: variant, tracker, .. } = self;
        let watch = Watch { inner, tracker, key: None, fields: None };
        variant.tuple_variant(len, watch).map_err(|error| tracker.note_parser(&error))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: Names, inner: V) -> Result<V::Value, Failure> {
        let Self { inner: variant, tracker, .. } = self;
        let watch = Watch { inner, tracker, key: None, fields: Some(fields) };
        variant.struct_variant(fields, watch).map_err(|error| tracker.note_parser(&error))
    }
}
