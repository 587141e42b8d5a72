//! Encounters, by way of Bulk Data files.

use super::{
    brief,
    resources::{reasons, resource},
};
use crate::fhir::{Encounter, EncounterClass, EncounterStatus, Item, Reason, Reference};

/// The encounter that has the given fields besides those it must have.
fn encounter(fields: &str) -> Encounter {
    let items = resource("Encounter", &format!(r#""id":"e","status":"finished","class":{{"code":"AMB"}},{fields}"#));
    match items.into_iter().find(|item| matches!(item, Item::Encounter(_))) {
        Some(Item::Encounter(encounter)) => encounter,
        _ => panic!("an encounter is given"),
    }
}

#[test]
fn an_encounter_has_who_when_and_what() {
    let encounter = encounter(
        r#""type":[{},{"coding":[{"display":"x"},{"code":"162673000","display":"General examination"}]}],
        "subject":{"reference":"Patient/p","display":"Ada Bead"},
        "participant":[{"individual":{"reference":"RelatedPerson/r"}},{"individual":{"reference":"Practitioner/other"}},
          {"type":[{"coding":[{"code":"PPRF"}]}]},
          {"type":[{"coding":[{"code":"PPRF"}]}],"individual":{"reference":"Practitioner/d"}}],
        "period":{"start":"2020-05-17T10:30:00.017360-05:00","end":"2020-05-17T15:45:00Z"}"#
            .replace('\n', " ")
            .as_str(),
    );
    let time = |text: &str| text.parse().ok();
    assert_eq!(
        encounter,
        Encounter {
            source_id: "e".to_owned(),
            status: EncounterStatus::Finished,
            class: EncounterClass::Ambulatory,
            patient: Some(Reference::Id("p".to_owned())),
            practitioner: Some(Reference::Id("d".to_owned())),
            start: time("2020-05-17T15:30:00.017360Z"),
            end: time("2020-05-17T15:45:00Z"),
            type_code: Some("162673000".to_owned()),
            type_text: Some("General examination".to_owned()),
        }
    );
}

#[test]
fn the_first_practitioner_stands_in_for_the_primary_performer() {
    let performer = |participants: &str| encounter(&format!(r#""participant":[{participants}]"#)).practitioner;
    let other = r#"{"individual":{"reference":"Practitioner/a"}},{"individual":{"reference":"Practitioner/b"}}"#;
    assert_eq!(performer(other), Some(Reference::Id("a".to_owned())));
    let by_npi = r#"{"individual":{"identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"7"}}}"#;
    assert_eq!(performer(by_npi), Some(Reference::Npi("7".to_owned())));
    for nobody in ["", r#"{"individual":{"display":"Sarah"}}"#, r#"{"individual":{"reference":"Device/1"}}"#] {
        assert_eq!(performer(nobody), None);
    }
}

#[test]
fn a_subject_may_be_absent_or_a_group() {
    assert_eq!(encounter(r#""type":[]"#).patient, None);
    assert_eq!(encounter(r#""subject":{"reference":"Group/1"}"#).patient, Some(Reference::Other));
}

#[test]
fn every_status_of_fhir_r4_is_known() {
    let status = |code: &str| resource("Encounter", &format!(r#""id":"e","status":"{code}","class":{{"code":"VR"}}"#));
    for (code, expected) in [
        ("planned", EncounterStatus::Planned),
        ("arrived", EncounterStatus::Arrived),
        ("triaged", EncounterStatus::Triaged),
        ("in-progress", EncounterStatus::InProgress),
        ("onleave", EncounterStatus::OnLeave),
        ("finished", EncounterStatus::Finished),
        ("cancelled", EncounterStatus::Cancelled),
        ("entered-in-error", EncounterStatus::EnteredInError),
        ("unknown", EncounterStatus::Unknown),
    ] {
        assert!(matches!(&status(code)[..], [Item::Encounter(encounter)] if encounter.status == expected), "{code}");
    }
    assert_eq!(reasons(&status("completed")), [Reason::UnknownCode("Encounter.status")]);
}

#[test]
fn a_class_of_the_source_s_own_is_another() {
    let class =
        |code: &str| resource("Encounter", &format!(r#""id":"e","status":"finished","class":{{"code":"{code}"}}"#));
    for (code, expected) in [
        ("EMER", EncounterClass::Emergency),
        ("IMP", EncounterClass::Inpatient),
        ("ACUTE", EncounterClass::Inpatient),
        ("HH", EncounterClass::HomeHealth),
        ("wellness", EncounterClass::Other),
    ] {
        assert!(matches!(&class(code)[..], [Item::Encounter(encounter)] if encounter.class == expected), "{code}");
    }
}

#[test]
fn a_start_is_an_instant_or_a_problem() {
    let period = |class: &str, period: &str| {
        brief(&resource("Encounter", &format!(r#""id":"e","status":"finished","class":{{"code":"{class}"}}{period}"#)))
    };
    let at = |text: &str| format!(r#","period":{{"start":"{text}"}}"#);
    for partial in ["2020", "2020-05", "2020-05-17"] {
        let expected = ["Encounter.ndjson:1: Encounter.period.start has no time of day", "encounter e"];
        assert_eq!(period("IMP", &at(partial)), expected);
    }
    for wrong in ["", "noon", "2020-05-17T10:30", "2020-05-17T10:30:00"] {
        let expected = ["Encounter.ndjson:1: Encounter.period.start is not a date-time", "encounter e"];
        assert_eq!(period("IMP", &at(wrong)), expected);
    }
    for none in ["", r#","period":{}"#, r#","period":null"#] {
        assert_eq!(period("AMB", none), ["Encounter.ndjson:1: missing Encounter.period.start", "encounter e"]);
        assert_eq!(period("IMP", none), ["encounter e"]);
    }
}

#[test]
fn an_end_may_be_partial_but_not_wrong() {
    let end = |text: &str| {
        resource(
            "Encounter",
            &format!(
                r#""id":"e","status":"finished","class":{{"code":"AMB"}},"period":{{"start":"2020-05-17T10:30:00Z","end":"{text}"}}"#
            ),
        )
    };
    assert_eq!(brief(&end("2020-05")), ["encounter e"]);
    assert_eq!(brief(&end("Ada")), ["Encounter.ndjson:1: Encounter.period.end is not a date-time", "encounter e"]);
}
