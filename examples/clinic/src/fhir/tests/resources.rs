//! Single resources, by way of Bulk Data files.

use chrono::NaiveDate;
use shared::Phi;

use super::{brief, problems, read};
use crate::fhir::{Item, Organization, Patient, Practitioner, Reason};

/// The items of one resource with the given fields.
pub(super) fn resource(kind: &str, fields: &str) -> Vec<Item> {
    read([(format!("{kind}.ndjson").as_str(), format!(r#"{{"resourceType":"{kind}",{fields}}}"#))])
}

pub(super) fn reasons(items: &[Item]) -> Vec<Reason> {
    problems(items).into_iter().map(|problem| problem.reason).collect()
}

fn phi(text: &str) -> Option<Phi<String>> {
    Some(Phi::new(text.to_owned()))
}

#[test]
fn a_patient_has_numbers_name_phone_and_birth_date() {
    let items = resource(
        "Patient",
        r#""id":"p1",
        "identifier":[{"system":"http://example.org","value":"1"},
          {"use":"old","type":{"coding":[{"code":"MR"}]},"value":"0"},
          {"type":{"coding":[{"code":"XX"},{"code":"MR"}]},"value":" 2120023 "},
          {"type":{"coding":[{"code":"SS"}]},"value":"999-94-2255"}],
        "name":[{"use":"maiden","family":"Old"},{"use":"usual","text":"Dee"},
          {"use":"official","family":"Bead","given":["Ada",null,"M."],"_given":[null,{"id":"x"},null]}],
        "telecom":[{"system":"email","value":"a@example.org"},{"system":"phone","use":"old","value":"1"},
          {"system":"phone","value":""},{"system":"phone","value":"555-146-1616"}],
        "birthDate":"2016-07-28","contact":null"#
            .replace('\n', " ")
            .as_str(),
    );
    assert_eq!(
        items,
        [Item::Patient(Patient {
            source_id: "p1".to_owned(),
            mrn: phi("2120023"),
            ssn: phi("999-94-2255"),
            name: Phi::new("Ada M. Bead".to_owned()),
            phone: phi("555-146-1616"),
            birth_date: NaiveDate::from_ymd_opt(2016, 7, 28).map(Phi::new),
        })]
    );
    let shown = format!("{items:?}");
    for value in ["Ada", "Bead", "2120023", "999-94", "555-146", "2016"] {
        assert!(!shown.contains(value), "Debug shows {value}");
    }
}

#[test]
fn an_ssn_is_known_by_its_system_too() {
    let items = resource(
        "Patient",
        r#""id":"p","name":[{"text":"Ada"}],"identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"9"}]"#,
    );
    assert!(matches!(&items[..], [Item::Patient(patient)] if patient.ssn == phi("9") && patient.mrn.is_none()));
}

#[test]
fn a_birth_date_may_be_partial_but_not_wrong() {
    let birth_date =
        |text: &str| resource("Patient", &format!(r#""id":"p","name":[{{"family":"B"}}],"birthDate":"{text}""#));
    for partial in ["1970", "1970-05"] {
        assert!(matches!(&birth_date(partial)[..], [Item::Patient(patient)] if patient.birth_date.is_none()));
    }
    for wrong in ["", "70", "1970-02-30", "1970-01-01T00:00:00Z", "Ada"] {
        let items = birth_date(wrong);
        assert_eq!(brief(&items), ["Patient.ndjson:1: Patient.birthDate is not a date", "patient p"], "{wrong}");
    }
}

#[test]
fn a_practitioner_has_an_npi_and_an_organization_a_name() {
    let items = resource(
        "Practitioner",
        r#""id":"d","name":[{"family":"Rossi","given":["Sarah"],"prefix":["Dr."]}],"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"9999384172"}]"#,
    );
    let expected =
        Practitioner { source_id: "d".to_owned(), npi: Some("9999384172".to_owned()), name: "Sarah Rossi".to_owned() };
    assert_eq!(items, [Item::Practitioner(expected)]);

    let items = resource("Organization", r#""id":"o","name":"Clinic""#);
    assert_eq!(items, [Item::Organization(Organization { source_id: "o".to_owned(), name: "Clinic".to_owned() })]);
}

#[test]
fn a_resource_without_what_a_record_needs_is_refused() {
    for (kind, fields, reason) in [
        ("Patient", r#""name":[{"family":"B"}]"#, Reason::Missing("Patient.id")),
        ("Patient", r#""id":null,"name":[{"family":"B"}]"#, Reason::Missing("Patient.id")),
        ("Patient", r#""id":"a b","name":[{"family":"B"}]"#, Reason::NotAnId("Patient.id")),
        ("Patient", r#""id":"","name":[{"family":"B"}]"#, Reason::NotAnId("Patient.id")),
        ("Patient", r#""id":"p""#, Reason::Missing("Patient.name")),
        ("Patient", r#""id":"p","name":[{"given":[" "],"family":""},{}]"#, Reason::Missing("Patient.name")),
        ("Practitioner", r#""id":"d","name":[]"#, Reason::Missing("Practitioner.name")),
        ("Organization", r#""id":"o","name":"""#, Reason::Missing("Organization.name")),
        ("Encounter", r#""id":"e","class":{"code":"AMB"}"#, Reason::Missing("Encounter.status")),
        ("Encounter", r#""id":"e","status":"finished""#, Reason::Missing("Encounter.class.code")),
    ] {
        let items = resource(kind, fields);
        assert_eq!((reasons(&items), items.len()), (vec![reason], 1), "{kind} {fields}");
    }
}

#[test]
fn an_element_of_another_shape_is_refused() {
    for (kind, element) in [
        ("Patient", "identifier"),
        ("Patient", "name"),
        ("Patient", "telecom"),
        ("Practitioner", "name"),
        ("Practitioner", "identifier"),
        ("Encounter", "type"),
        ("Encounter", "participant"),
        ("Encounter", "class"),
        ("Encounter", "subject"),
        ("Encounter", "period"),
    ] {
        // The last two would do for serde's derived structs, and for its last-key-wins maps.
        for shape in [
            "7",
            r#""Ada""#,
            "[7]",
            "true",
            r#"[["official","Ada"]]"#,
            r#"[{"use":"a","use":"b","code":"c","code":"d","reference":"e","reference":"f","start":"g","start":"h","individual":null,"individual":null,"text":"i","text":"j","value":"k","value":"l"}]"#,
        ] {
            let others: String = [
                ("id", r#""x""#),
                ("status", r#""finished""#),
                ("class", r#"{"code":"AMB"}"#),
                ("name", r#"[{"family":"B"}]"#),
            ]
            .iter()
            .filter(|(key, _)| *key != element)
            .map(|(key, value)| format!(r#""{key}":{value},"#))
            .collect();
            let items = resource(kind, &format!(r#"{others}"{element}":{shape}"#));
            let [Item::Problem(problem)] = &items[..] else { panic!("{kind}.{element} {shape}: {:?}", brief(&items)) };
            assert_eq!(
                problem.reason.to_string(),
                format!("{kind}.{element} does not have the JSON shape that FHIR R4 gives it"),
                "{shape}"
            );
        }
    }
}
