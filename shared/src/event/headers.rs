//! Header names and values.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};

/// Header names and values, in order; names compare without case. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Arc<Vec<(Name, String)>>);

/// Nearly all names are known.
pub(crate) type Name = Cow<'static, str>;

/// Those that events have, so that none of them is copied for each event.
const KNOWN: [&str; 16] = [
    "ce-specversion",
    "ce-id",
    "ce-source",
    "ce-type",
    "ce-time",
    "ce-dataschema",
    "ce-correlationid",
    "ce-causationid",
    "ce-key",
    "ce-actor",
    "ce-tenant",
    "ce-sequence",
    "content-type",
    "traceparent",
    "tracestate",
    "Nats-Msg-Id",
];

fn known(name: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == name)
}

fn ends_its_header(value: &str) -> bool {
    memchr::memchr2(b'\r', b'\n', value.as_bytes()).is_some()
}

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Adds a header. CR and LF would end the header on the wire, so such a value is left out.
    pub fn push(&mut self, name: impl AsRef<str> + Into<String>, value: impl Into<String>) {
        match known(name.as_ref()) {
            Some(name) => self.add(name, value.into()),
            None if name.as_ref().contains(['\r', '\n', ':']) => {}
            None => self.add(name.into(), value.into()),
        }
    }

    /// The same for a name that is one.
    pub(crate) fn add(&mut self, name: impl Into<Name>, value: String) {
        if !ends_its_header(&value) {
            Arc::make_mut(&mut self.0).push((name.into(), value));
        }
    }

    /// Replaces a header.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Takes a header out, however often it is there; the first value of it.
    pub(crate) fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        let pairs = Arc::make_mut(&mut self.0);
        let (_, value) = pairs.remove(at);
        pairs.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        Some(value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_str()))
    }

    /// The same, with names that may be told to last for ever.
    #[cfg(feature = "nats")]
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Name, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }

    /// Their size on the wire.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
    }

    /// As a JSON object, the form in which the outbox keeps them.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&AsObject(self)).expect("texts and lists of texts are always JSON")
    }

    /// The opposite of [`to_json`](Self::to_json); anything else reads as no headers.
    pub(crate) fn from_json(text: &str) -> Self {
        serde_json::from_str::<Read>(text).map(|Read(headers)| headers).unwrap_or_default()
    }
}

/// A name that comes twice has an array: what contradicts itself must still do so after a replay.
struct AsObject<'a>(&'a Headers);

impl Serialize for AsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = &self.0.0;
        let mut map = serializer.serialize_map(None)?;
        for (at, (name, value)) in pairs.iter().enumerate() {
            let same = || pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
            if pairs.iter().take(at).any(|(other, _)| other == name) {
                continue;
            }
            match same().nth(1) {
                None => map.serialize_entry(&**name, value)?,
                Some(_) => map.serialize_entry(&**name, &same().collect::<Vec<_>>())?,
            }
        }
        map.end()
    }
}

struct Read(Headers);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        // as many as most events have
        let mut pairs = Vec::with_capacity(12);
        while let Some(Text(name)) = map.next_key()? {
            let name = known(&name).map_or_else(|| Cow::Owned(name.into_owned()), Cow::Borrowed);
            match map.next_value()? {
                Values::One(value) => pairs.push((name, value)),
                Values::Many(values) => pairs.extend(values.into_iter().map(|value| (name.clone(), value))),
                Values::None => {}
            }
        }
        Ok(Read(Headers(Arc::new(pairs))))
    }
}

/// A text that is borrowed if it can be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What is under a name; anything but texts is left out.
enum Values {
    One(String),
    Many(Vec<String>),
    None,
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Values, E> {
        Ok(Values::One(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Values, E> {
        Ok(Values::One(text))
    }

    fn visit_unit<E>(self) -> Result<Values, E> {
        Ok(Values::None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Values, E> {
        Ok(Values::None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Values, E> {
        Ok(Values::None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Values, E> {
        Ok(Values::None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Values, E> {
        Ok(Values::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            if let Values::One(value) = value {
                values.push(value);
            }
        }
        Ok(Values::Many(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Values::None)
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in pairs {
            headers.push(name, value);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_the_outbox() {
        let pairs = [("b", "1"), ("a", "2"), ("b", "3"), ("B", "4"), ("b", "5")];
        let headers: Headers = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let again = Headers::from_json(&headers.to_json());
        let values = |name: &str| again.iter().filter(|(n, _)| *n == name).map(|(_, value)| value).collect::<Vec<_>>();
        assert_eq!((values("a"), values("b"), values("B")), (vec!["2"], vec!["1", "3", "5"], vec!["4"]));
        assert_eq!(Headers::from_json("[]"), Headers::new());
        let some =
            Headers::from_json(r#"{"a":"1","b":2,"c":null,"d":["2",3,["4"],"5"],"e":{"f":"6"},"g":true,"h":0.5}"#);
        assert_eq!(some.iter().collect::<Vec<_>>(), [("a", "1"), ("d", "2"), ("d", "5")]);
    }

    #[test]
    fn clones_go_ways_of_their_own() {
        let mut headers: Headers = [("ce-id".to_owned(), "1".to_owned())].into_iter().collect();
        let before = headers.clone();
        headers.push("CE-ID", "2");
        headers.set("ce-Id", "3");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("ce-Id", "3")]);
        assert_eq!(before.iter().collect::<Vec<_>>(), [("ce-id", "1")]);
        assert_eq!(headers.remove("ce-id").as_deref(), Some("3"));
        assert_eq!(headers, Headers::new());
    }

    #[test]
    fn a_value_cannot_end_its_header() {
        let mut headers = Headers::new();
        headers.push("a", "1\r\nNats-Msg-Id: 2");
        headers.push("b: 1\r\nc", "2");
        assert_eq!(headers, Headers::new());
    }
}
