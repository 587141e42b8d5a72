//! Header names and values.

/// Header names and values, in order; names compare without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

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
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        if !name.contains(['\r', '\n', ':']) && !value.contains(['\r', '\n']) {
            self.0.push((name, value));
        }
    }

    /// Replaces a header.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.push(name, value);
    }

    /// Takes a header out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(self.0.remove(at).1)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Their size on the wire.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
    }

    /// As a JSON object, the form in which the outbox keeps them.
    pub(crate) fn to_json(&self) -> String {
        use serde_json::{Map, Value};
        let mut map = Map::new();
        for (name, value) in &self.0 {
            // a name that comes twice has an array: what contradicts itself must still do so after a replay
            match map.get_mut(name) {
                None => drop(map.insert(name.clone(), value.clone().into())),
                Some(Value::Array(values)) => values.push(value.clone().into()),
                Some(first) => *first = Value::Array(vec![first.take(), value.clone().into()]),
            }
        }
        Value::Object(map).to_string()
    }

    /// The opposite of [`to_json`](Self::to_json); anything else reads as no headers.
    pub(crate) fn from_json(text: &str) -> Self {
        use serde_json::Value;
        let Ok(Value::Object(map)) = serde_json::from_str(text) else { return Self::new() };
        let values = map.into_iter().flat_map(|(name, value)| {
            let values = if let Value::Array(values) = value { values } else { vec![value] };
            values.into_iter().map(move |value| (name.clone(), value))
        });
        Self(values.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect())
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
    }

    #[test]
    fn a_value_cannot_end_its_header() {
        let mut headers = Headers::new();
        headers.push("a", "1\r\nNats-Msg-Id: 2");
        headers.push("b: 1\r\nc", "2");
        assert_eq!(headers, Headers::new());
    }
}
