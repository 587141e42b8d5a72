//! From the JSON of one resource to a record.
//!
//! Each element is parsed on its own, from the raw text of its field: so a fault can name the element and its line
//! without quoting serde's message, which would contain the value.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{error::Category, value::RawValue};
use shared::Phi;

use super::{
    Encounter, EncounterClass, EncounterStatus, Item, Organization, Patient, Practitioner, Reason, Reference,
    date::{self, When},
    element::{
        CodeableConcept, Coding, ContactPoint, HumanName, Identifier, Link, NPI, Object, Participant, Period, SSN,
        display_name, filled, identifier, phone,
    },
    kind::Kind,
    reference::{Links, is_id, urn_id},
};

/// What is wrong, and the text that it is wrong in: a part of the file's text, from which the line follows.
pub(super) struct Fault<'a> {
    pub(super) reason: Reason,
    pub(super) at: &'a str,
}

/// One resource, as text, with what is known about it from outside.
pub(super) struct Resource<'a, 'l> {
    pub(super) text: &'a str,
    /// `Bundle.entry.fullUrl`.
    pub(super) full_url: Option<&'l str>,
    pub(super) links: &'l Links<'a>,
}

impl<'a> Resource<'a, '_> {
    /// The record, when the resource has what one needs; `faults` gets what is wrong with it.
    pub(super) fn decode(&self, kind: Kind, faults: &mut Vec<Fault<'a>>) -> Option<Item> {
        let record = match kind {
            Kind::Organization => self.organization().map(Item::Organization),
            Kind::Practitioner => self.practitioner().map(Item::Practitioner),
            Kind::Patient => self.patient(faults).map(Item::Patient),
            Kind::Encounter => self.encounter(faults).map(Item::Encounter),
        };
        record.map_err(|fault| faults.push(fault)).ok()
    }

    fn organization(&self) -> Result<Organization, Fault<'a>> {
        let fields: OrganizationFields<'a> = self.fields(Kind::Organization)?;
        let name = element::<String>(fields.name, "Organization.name")?;
        Ok(Organization {
            source_id: self.id(fields.id, "Organization.id")?,
            name: self.required(name.as_deref().and_then(filled).map(str::to_owned), "Organization.name")?,
        })
    }

    fn practitioner(&self) -> Result<Practitioner, Fault<'a>> {
        let fields: PractitionerFields<'a> = self.fields(Kind::Practitioner)?;
        let names = list::<HumanName>(fields.name, "Practitioner.name")?;
        let identifiers = list::<Identifier>(fields.identifier, "Practitioner.identifier")?;
        Ok(Practitioner {
            source_id: self.id(fields.id, "Practitioner.id")?,
            npi: identifier(&identifiers, |identifier| identifier.of_system(NPI)),
            name: self.required(display_name(&names), "Practitioner.name")?,
        })
    }

    fn patient(&self, faults: &mut Vec<Fault<'a>>) -> Result<Patient, Fault<'a>> {
        let fields: PatientFields<'a> = self.fields(Kind::Patient)?;
        let source_id = self.id(fields.id, "Patient.id")?;
        let names = list::<HumanName>(fields.name, "Patient.name")?;
        let identifiers = list::<Identifier>(fields.identifier, "Patient.identifier")?;
        let contacts = list::<ContactPoint>(fields.telecom, "Patient.telecom")?;
        let birth_date = element::<String>(fields.birth_date, "Patient.birthDate")?;
        let name = self.required(display_name(&names), "Patient.name")?;

        let birth_date = birth_date.and_then(|text| match date::parse(&text) {
            Some(When::Day(day)) => Some(day),
            Some(When::Partial) => None,
            Some(When::Instant(_)) | None => {
                faults.push(self.fault(Reason::NotADate("Patient.birthDate"), fields.birth_date));
                None
            }
        });

        Ok(Patient {
            source_id,
            mrn: identifier(&identifiers, |identifier| identifier.of_type("MR")).map(Phi::new),
            ssn: identifier(&identifiers, |identifier| identifier.of_type("SS") || identifier.of_system(SSN))
                .map(Phi::new),
            name: Phi::new(name),
            phone: phone(&contacts).map(Phi::new),
            birth_date: birth_date.map(Phi::new),
        })
    }

    fn encounter(&self, faults: &mut Vec<Fault<'a>>) -> Result<Encounter, Fault<'a>> {
        let fields: EncounterFields<'a> = self.fields(Kind::Encounter)?;
        let source_id = self.id(fields.id, "Encounter.id")?;
        let status = self.required(element::<String>(fields.status, "Encounter.status")?, "Encounter.status")?;
        let status = EncounterStatus::from_code(&status)
            .ok_or_else(|| self.fault(Reason::UnknownCode("Encounter.status"), fields.status))?;
        let class = element::<Object<Coding>>(fields.class, "Encounter.class")?.and_then(|Object(class)| class.code);
        let class = EncounterClass::from_code(&self.required(class, "Encounter.class.code")?);
        let types = list::<CodeableConcept>(fields.r#type, "Encounter.type")?;
        let subject = element::<Object<Link>>(fields.subject, "Encounter.subject")?;
        let participants = list::<Participant>(fields.participant, "Encounter.participant")?;
        let period = element::<Object<Period>>(fields.period, "Encounter.period")?;
        let (start, end) = period.map_or((None, None), |Object(period)| (period.start, period.end));

        let (type_code, type_text) = types
            .iter()
            .map(|Object(concept)| concept.code_and_text())
            .find(|(code, text)| code.is_some() || text.is_some())
            .unwrap_or_default();
        let start = match start.as_deref().map(date::parse) {
            Some(Some(When::Instant(start))) => Some(start),
            Some(Some(When::Day(_) | When::Partial)) => {
                faults.push(self.fault(Reason::NoTimeOfDay("Encounter.period.start"), fields.period));
                None
            }
            Some(None) => {
                faults.push(self.fault(Reason::NotADateTime("Encounter.period.start"), fields.period));
                None
            }
            None => {
                // FHIR allows it, but nothing can be booked at no time.
                if class == EncounterClass::Ambulatory {
                    faults.push(self.fault(Reason::NoStart, fields.period));
                }
                None
            }
        };
        let end = end.and_then(|text| match date::parse(&text) {
            Some(When::Instant(end)) => Some(end),
            Some(When::Day(_) | When::Partial) => None,
            None => {
                faults.push(self.fault(Reason::NotADateTime("Encounter.period.end"), fields.period));
                None
            }
        });

        Ok(Encounter {
            source_id,
            status,
            class,
            patient: subject.map(|Object(link)| self.resolve(&link, Kind::Patient)),
            practitioner: self.performer(&participants),
            start,
            end,
            type_code,
            type_text,
        })
    }

    /// The practitioner among the participants: patients' relatives and devices take part too.
    fn performer(&self, participants: &[Object<Participant>]) -> Option<Reference> {
        let mut first = None;
        for Object(participant) in participants {
            let Some(Object(individual)) = &participant.individual else {
                continue;
            };
            let reference = self.resolve(individual, Kind::Practitioner);
            if reference == Reference::Other {
                continue;
            }
            if participant.is_primary() {
                return Some(reference);
            }
            first = first.or(Some(reference));
        }
        first
    }

    fn resolve(&self, link: &Link, expected: Kind) -> Reference {
        if let Some(reference) = &link.reference {
            return self.links.resolve(reference, expected);
        }
        let npi = link.identifier.as_ref().filter(|Object(identifier)| identifier.of_system(NPI));
        match npi.and_then(|Object(identifier)| identifier.value()) {
            Some(npi) if expected == Kind::Practitioner => Reference::Npi(npi.to_owned()),
            _ => Reference::Other,
        }
    }

    /// The resource's id. Resources that a transaction creates need none: then it is the uuid of the entry's `fullUrl`.
    fn id(&self, field: Option<&'a RawValue>, path: &'static str) -> Result<String, Fault<'a>> {
        match element::<Cow<'a, str>>(field, path)? {
            Some(id) if is_id(&id) => Ok(id.into_owned()),
            Some(_) => Err(self.fault(Reason::NotAnId(path), field)),
            None => self.required(self.full_url.and_then(urn_id).map(str::to_owned), path),
        }
    }

    fn required<T>(&self, value: Option<T>, path: &'static str) -> Result<T, Fault<'a>> {
        value.ok_or_else(|| self.fault(Reason::Missing(path), None))
    }

    /// A fault in `field`, or in the resource as a whole.
    fn fault(&self, reason: Reason, field: Option<&'a RawValue>) -> Fault<'a> {
        Fault { reason, at: field.map_or(self.text, RawValue::get) }
    }

    fn fields<T: Deserialize<'a>>(&self, kind: Kind) -> Result<T, Fault<'a>> {
        serde_json::from_str::<Object<T>>(self.text)
            .map(|Object(fields)| fields)
            .map_err(|error| self.fault(object_reason(self.text, &error, kind.name()), None))
    }
}

/// The `resourceType` of a resource.
pub(super) fn resource_type(text: &str) -> Result<Cow<'_, str>, Reason> {
    if let Some(name) = leading_resource_type(text) {
        return Ok(Cow::Borrowed(name));
    }
    let Object(fields) = serde_json::from_str::<Object<AnyFields<'_>>>(text)
        .map_err(|error| object_reason(text, &error, "the resource"))?;
    let name = fields.resource_type.ok_or(Reason::NotAResource)?;
    serde_json::from_str(name.get()).map_err(|_| Reason::NotAResource)
}

/// The id of a resource that may be referred to.
pub(super) fn resource_id(text: &str) -> Option<Cow<'_, str>> {
    let Object(fields) = serde_json::from_str::<Object<AnyFields<'_>>>(text).ok()?;
    serde_json::from_str(fields.id?.get()).ok()
}

/// The `resourceType` if it is the first key, as nearly every source writes it: nine resources in ten are of types
/// that the clinic skips, and need not be parsed for that.
fn leading_resource_type(text: &str) -> Option<&str> {
    let key = text.trim_start().strip_prefix('{')?.trim_start().strip_prefix("\"resourceType\"")?;
    let value = key.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let (name, _) = value.split_once('"')?;
    name.bytes().all(|byte| byte.is_ascii_alphabetic()).then_some(name)
}

fn object_reason(text: &str, error: &serde_json::Error, place: &'static str) -> Reason {
    match error.classify() {
        Category::Data if text.trim_start().starts_with('{') => Reason::RepeatedKey(place),
        Category::Data => Reason::NotAResource,
        Category::Syntax | Category::Eof | Category::Io => Reason::MalformedJson,
    }
}

fn element<'a, T: Deserialize<'a>>(field: Option<&'a RawValue>, path: &'static str) -> Result<Option<T>, Fault<'a>> {
    let Some(field) = field else { return Ok(None) };
    serde_json::from_str(field.get()).map(Some).map_err(|_| Fault { reason: Reason::Malformed(path), at: field.get() })
}

fn list<'a, T: Deserialize<'a>>(field: Option<&'a RawValue>, path: &'static str) -> Result<Vec<Object<T>>, Fault<'a>> {
    Ok(element(field, path)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct AnyFields<'a> {
    #[serde(borrow, rename = "resourceType")]
    resource_type: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OrganizationFields<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PractitionerFields<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PatientFields<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    telecom: Option<&'a RawValue>,
    #[serde(borrow, rename = "birthDate")]
    birth_date: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct EncounterFields<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    class: Option<&'a RawValue>,
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<&'a RawValue>,
    #[serde(borrow)]
    participant: Option<&'a RawValue>,
    #[serde(borrow)]
    period: Option<&'a RawValue>,
}
