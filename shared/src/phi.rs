//! Protected values: what identifies or describes a patient.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that identifies or describes a patient.
///
/// It is transparent on the wire and in the database, and invisible everywhere else: `Debug` prints
/// `‹phi›`, there is no `Display`, and it cannot be part of a subject, a header or an ordering key (those
/// do not compile). Code that needs the value says [`expose`](Self::expose), which a reviewer can search for.
///
/// ```
/// use shared::Phi;
///
/// let name = Phi::new(String::from("Ada Lovelace"));
/// assert_eq!(format!("{name:?}"), "‹phi›");
/// assert_eq!(name.expose(), "Ada Lovelace");
/// ```
///
/// It cannot be printed:
///
/// ```compile_fail
/// let name = shared::Phi::new("Ada Lovelace");
/// println!("{name}");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Protects a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every use of this is a place where it may leave protection.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, owned.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// A protected value computed from this one.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Phi<U> {
        Phi(f(self.0))
    }
}

impl<T> From<T> for Phi<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Phi<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹phi›")
    }
}

impl<T: Serialize> Serialize for Phi<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Phi<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // serde's own message would quote the value
        T::deserialize(deserializer)
            .map(Self)
            .map_err(|_| serde::de::Error::custom("a protected value has the wrong type or form"))
    }
}

/// The schema of the value, marked `x-phi`.
impl<T: JsonSchema> JsonSchema for Phi<T> {
    // the mark stands beside the value's keywords, not in a definition of its own
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Phi_{}", T::schema_name()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("shared::Phi<{}>", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>();
        schema.ensure_object().insert("x-phi".into(), true.into());
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_transparent_on_the_wire() {
        let phi = Phi::new(String::from("x"));
        let json = serde_json::to_string(&phi).unwrap();
        assert_eq!(json, "\"x\"");
        assert_eq!(serde_json::from_str::<Phi<String>>(&json).unwrap(), phi);
    }

    #[test]
    fn a_decode_error_does_not_quote_the_value() {
        let error = serde_json::from_str::<Phi<u32>>("\"sentinel\"").unwrap_err();
        assert!(!error.to_string().contains("sentinel"), "{error}");
    }
}
