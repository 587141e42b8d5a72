use std::{borrow::Cow, collections::HashMap};

use super::{element::NPI, kind::Kind};

/// What a record refers to, whichever way its source writes references.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The record with this `source_id`, of the type that the referring field implies.
    Id(String),
    /// The practitioner with this National Provider Identifier.
    Npi(String),
    /// Something that is not looked up here: a resource of another type, a contained one, a search by something else.
    Other,
}

/// The resources of one bundle by `fullUrl`.
///
/// In a transaction bundle, references are to `fullUrl`s, and the server gives the ids
/// (<http://hl7.org/fhir/R4/http.html#trules>). `None` is a resource of a type that the clinic does not read.
#[derive(Default)]
pub(super) struct Links<'a>(HashMap<Cow<'a, str>, Option<(Kind, Cow<'a, str>)>>);

impl<'a> Links<'a> {
    pub(super) fn add(&mut self, full_url: Cow<'a, str>, target: Option<(Kind, Cow<'a, str>)>) {
        // A repeated fullUrl is the source's mistake; the first one stands, as it does for a reader from the top.
        self.0.entry(full_url).or_insert(target);
    }

    /// What `reference` means in a field that refers to resources of type `expected`.
    pub(super) fn resolve(&self, reference: &str, expected: Kind) -> Reference {
        if let Some(target) = self.0.get(reference) {
            return match target {
                Some((kind, id)) if *kind == expected => Reference::Id(id.clone().into_owned()),
                _ => Reference::Other,
            };
        }
        if let Some(id) = urn_id(reference) {
            // Not in this bundle; by convention the id of the resource that has it.
            return Reference::Id(id.to_owned());
        }
        if let Some((kind, search)) = reference.split_once('?') {
            return conditional(kind, search, expected);
        }
        literal(reference, expected)
    }
}

/// `Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999994397`, as Synthea writes it when practitioners have a
/// bundle of their own.
fn conditional(kind: &str, search: &str, expected: Kind) -> Reference {
    let npi = search
        .strip_prefix("identifier=")
        .and_then(|identifier| identifier.split_once('|'))
        .filter(|(system, value)| *system == NPI && !value.is_empty() && !value.contains('&'));
    match npi {
        Some((_, value)) if expected == Kind::Practitioner && last_segment(kind) == expected.name() => {
            Reference::Npi(value.to_owned())
        }
        _ => Reference::Other,
    }
}

/// `Patient/17`, `https://example.org/fhir/Patient/17`, either with `/_history/2`.
fn literal(reference: &str, expected: Kind) -> Reference {
    let current = reference.split_once("/_history/").map_or(reference, |(resource, _)| resource);
    match current.rsplit_once('/') {
        Some((kind, id)) if last_segment(kind) == expected.name() && is_id(id) => Reference::Id(id.to_owned()),
        _ => Reference::Other,
    }
}

fn last_segment(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

/// The id in a `urn:uuid:<id>`.
pub(super) fn urn_id(url: &str) -> Option<&str> {
    url.strip_prefix("urn:uuid:").filter(|id| is_id(id))
}

/// FHIR's data type `id` (<http://hl7.org/fhir/R4/datatypes.html#id>).
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn practitioner(reference: &str) -> Reference {
        Links::default().resolve(reference, Kind::Practitioner)
    }

    fn id(id: &str) -> Reference {
        Reference::Id(id.to_owned())
    }

    #[test]
    fn literal_references_name_an_id() {
        assert_eq!(practitioner("Practitioner/a-1.b"), id("a-1.b"));
        assert_eq!(practitioner("Practitioner/7/_history/2"), id("7"));
        assert_eq!(practitioner("https://example.org/fhir/Practitioner/7"), id("7"));
        assert_eq!(practitioner("urn:uuid:1b"), id("1b"));
    }

    #[test]
    fn a_conditional_reference_names_an_npi() {
        let npi = Reference::Npi("9999994397".to_owned());
        assert_eq!(practitioner("Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999994397"), npi);
        assert_eq!(
            practitioner("https://x.org/Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999994397"),
            npi
        );
        for other in [
            "Organization?identifier=http://hl7.org/fhir/sid/us-npi|9999994397",
            "Practitioner?identifier=http://example.org|9999994397",
            "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|",
            "Practitioner?identifier=9999994397",
            "Practitioner?name=x",
        ] {
            assert_eq!(practitioner(other), Reference::Other, "{other}");
        }
    }

    #[test]
    fn anything_else_is_not_looked_up() {
        for other in [
            "",
            "#contained",
            "/",
            "Practitioner/",
            "Practitioner",
            "RelatedPerson/7",
            "XPractitioner/7",
            "urn:uuid:",
            "urn:oid:1.2",
            "Practitioner/a b",
        ] {
            assert_eq!(practitioner(other), Reference::Other, "{other}");
        }
    }

    #[test]
    fn a_bundle_resolves_by_full_url() {
        let mut links = Links::default();
        links.add("urn:uuid:x".into(), Some((Kind::Practitioner, "7".into())));
        links.add("urn:uuid:x".into(), Some((Kind::Practitioner, "8".into())));
        links.add("https://example.org/p/1".into(), Some((Kind::Practitioner, "1".into())));
        links.add("urn:uuid:relative".into(), None);
        assert_eq!(links.resolve("urn:uuid:x", Kind::Practitioner), id("7"));
        assert_eq!(links.resolve("https://example.org/p/1", Kind::Practitioner), id("1"));
        assert_eq!(links.resolve("urn:uuid:x", Kind::Patient), Reference::Other);
        assert_eq!(links.resolve("urn:uuid:relative", Kind::Practitioner), Reference::Other);
    }
}
