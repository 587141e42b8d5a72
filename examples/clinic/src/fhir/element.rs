//! The elements of FHIR R4 that the clinic reads, as far as it reads them.
//!
//! They derive no `Debug`: they hold what identifies a patient.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};

/// The system of National Provider Identifiers.
pub(super) const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
/// The system of social security numbers.
pub(super) const SSN: &str = "http://hl7.org/fhir/sid/us-ssn";

/// A JSON object. serde's derived implementations also accept an array in place of a struct.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

/// A list that may be absent. Lists of strings may hold nulls, which stand for extensions
/// (<http://hl7.org/fhir/R4/json.html#primitive>).
type List<T> = Option<Vec<T>>;

#[derive(Deserialize)]
pub(super) struct HumanName {
    r#use: Option<String>,
    text: Option<String>,
    family: Option<String>,
    given: List<Option<String>>,
}

/// The name to call somebody by: the official one, else the usual one, else the first that is still in use.
pub(super) fn display_name(names: &[Object<HumanName>]) -> Option<String> {
    let preference = |name: &HumanName| match name.r#use.as_deref() {
        Some("official") => 0,
        Some("usual") => 1,
        Some("old" | "maiden") => 3,
        _ => 2,
    };
    let mut names: Vec<&HumanName> = names.iter().map(|Object(name)| name).collect();
    names.sort_by_key(|name| preference(name));
    names.into_iter().find_map(HumanName::display)
}

impl HumanName {
    fn display(&self) -> Option<String> {
        let given = self.given.iter().flatten().flatten();
        let parts: Vec<&str> = given.chain(&self.family).filter_map(|part| filled(part)).collect();
        if parts.is_empty() { self.text.as_deref().and_then(filled).map(str::to_owned) } else { Some(parts.join(" ")) }
    }
}

#[derive(Deserialize)]
pub(super) struct Identifier {
    r#use: Option<String>,
    r#type: Option<Object<CodeableConcept>>,
    system: Option<String>,
    value: Option<String>,
}

impl Identifier {
    pub(super) fn of_system(&self, system: &str) -> bool {
        self.system.as_deref() == Some(system)
    }

    pub(super) fn of_type(&self, code: &str) -> bool {
        self.r#type.as_ref().is_some_and(|Object(concept)| concept.has(code))
    }

    pub(super) fn value(&self) -> Option<&str> {
        self.value.as_deref().and_then(filled)
    }
}

/// The value of the first identifier in use that fits.
pub(super) fn identifier(identifiers: &[Object<Identifier>], fits: impl Fn(&Identifier) -> bool) -> Option<String> {
    identifiers
        .iter()
        .map(|Object(identifier)| identifier)
        .filter(|identifier| identifier.r#use.as_deref() != Some("old") && fits(identifier))
        .find_map(|identifier| identifier.value().map(str::to_owned))
}

#[derive(Deserialize)]
pub(super) struct ContactPoint {
    system: Option<String>,
    value: Option<String>,
    r#use: Option<String>,
}

/// The first telephone number in use.
pub(super) fn phone(contacts: &[Object<ContactPoint>]) -> Option<String> {
    contacts
        .iter()
        .map(|Object(contact)| contact)
        .filter(|contact| contact.system.as_deref() == Some("phone") && contact.r#use.as_deref() != Some("old"))
        .find_map(|contact| contact.value.as_deref().and_then(filled).map(str::to_owned))
}

#[derive(Deserialize)]
pub(super) struct Coding {
    pub(super) code: Option<String>,
    pub(super) display: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct CodeableConcept {
    coding: List<Object<Coding>>,
    text: Option<String>,
}

impl CodeableConcept {
    fn has(&self, code: &str) -> bool {
        self.codings().any(|coding| coding.code.as_deref() == Some(code))
    }

    fn codings(&self) -> impl Iterator<Item = &Coding> {
        self.coding.iter().flatten().map(|Object(coding)| coding)
    }

    /// The first coding that has a code, and what people call it.
    pub(super) fn code_and_text(&self) -> (Option<String>, Option<String>) {
        let coding = self.codings().find(|coding| coding.code.as_deref().and_then(filled).is_some());
        let code = coding.and_then(|coding| coding.code.as_deref()).and_then(filled);
        let display = coding.or_else(|| self.codings().next()).and_then(|coding| coding.display.as_deref());
        let text = self.text.as_deref().and_then(filled).or_else(|| display.and_then(filled));
        (code.map(str::to_owned), text.map(str::to_owned))
    }
}

#[derive(Deserialize)]
pub(super) struct Period {
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
}

/// FHIR's data type `Reference`: a URL, or the identifier of what is meant.
#[derive(Deserialize)]
pub(super) struct Link {
    pub(super) reference: Option<String>,
    pub(super) identifier: Option<Object<Identifier>>,
}

#[derive(Deserialize)]
pub(super) struct Participant {
    r#type: List<Object<CodeableConcept>>,
    pub(super) individual: Option<Object<Link>>,
}

impl Participant {
    /// Whether this is who mainly carried the encounter out: `PPRF` of v3-ParticipationType.
    pub(super) fn is_primary(&self) -> bool {
        self.r#type.iter().flatten().any(|Object(concept)| concept.has("PPRF"))
    }
}

/// The text without blanks around it, unless nothing is left.
pub(super) fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}
