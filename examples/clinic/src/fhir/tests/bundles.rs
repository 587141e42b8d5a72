//! Transaction bundles.

use std::fs;

use super::{Limits, brief, folder_of, gzip, patient, problems, read, read_within};
use crate::fhir::{Folder, Item, Reason, Reference};

/// A bundle with one entry per line, from line 2.
fn bundle(entries: &[String]) -> String {
    format!("{{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[\n{}\n]}}", entries.join(",\n"))
}

fn entry(full_url: &str, resource: &str) -> String {
    format!(r#"{{"fullUrl":"{full_url}","resource":{resource},"request":{{"method":"POST","url":"x"}}}}"#)
}

fn practitioner(id: &str, npi: &str) -> String {
    format!(
        r#"{{"resourceType":"Practitioner","id":"{id}","name":[{{"family":"Rossi"}}],"identifier":[{{"system":"http://hl7.org/fhir/sid/us-npi","value":"{npi}"}}]}}"#
    )
}

fn encounter(id: &str, patient: &str, practitioner: &str) -> String {
    format!(
        r#"{{"resourceType":"Encounter","id":"{id}","status":"finished","class":{{"code":"AMB"}},"subject":{{"reference":"{patient}"}},"participant":[{{"individual":{{"reference":"{practitioner}"}}}}],"period":{{"start":"2020-05-17T10:30:00Z"}}}}"#
    )
}

fn references(items: &[Item]) -> Vec<(Option<Reference>, Option<Reference>)> {
    items
        .iter()
        .filter_map(|item| match item {
            Item::Encounter(encounter) => Some((encounter.patient.clone(), encounter.practitioner.clone())),
            _ => None,
        })
        .collect()
}

fn id(id: &str) -> Option<Reference> {
    Some(Reference::Id(id.to_owned()))
}

#[test]
fn records_come_in_the_order_of_their_dependence() {
    let text = bundle(&[
        entry("urn:uuid:e", &encounter("e", "urn:uuid:p", "urn:uuid:d")),
        entry("urn:uuid:o", r#"{"resourceType":"Observation","id":"o","status":7}"#),
        entry("urn:uuid:p", &patient("p")),
        entry("urn:uuid:p2", &patient("p2")),
        entry("urn:uuid:d", &practitioner("d", "1")),
        entry("urn:uuid:h", r#"{"resourceType":"Organization","id":"h","name":"Clinic"}"#),
    ]);
    let expected = ["organization h", "practitioner d", "patient p", "patient p2", "encounter e"];
    assert_eq!(brief(&read([("a.json", &text)])), expected);
    assert_eq!(brief(&read([("a.json.gz", gzip(&text))])), expected);
    assert_eq!(brief(&read([("a.json", format!("\u{feff}{}", text.replace('\n', "\r\n")))])), expected);
}

#[test]
fn references_resolve_through_full_urls() {
    let items = read([(
        "a.json",
        bundle(&[
            entry("urn:uuid:x", &patient("p")),
            entry("urn:uuid:y", &practitioner("d", "1")),
            entry("urn:uuid:z", r#"{"resourceType":"RelatedPerson","id":"z"}"#),
            entry("https://example.org/fhir/Patient/q", &patient("q")),
            entry("urn:uuid:1", &encounter("1", "urn:uuid:x", "urn:uuid:y")),
            entry("urn:uuid:2", &encounter("2", "https://example.org/fhir/Patient/q", "Practitioner/d")),
            entry("urn:uuid:3", &encounter("3", "urn:uuid:elsewhere", "urn:uuid:z")),
            entry(
                "urn:uuid:4",
                &encounter("4", "urn:uuid:y", "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999994397"),
            ),
        ]),
    )]);
    assert_eq!(
        references(&items),
        [
            (id("p"), id("d")),
            (id("q"), id("d")),
            (id("elsewhere"), None),
            (Some(Reference::Other), Some(Reference::Npi("9999994397".to_owned()))),
        ]
    );
}

#[test]
fn a_resource_without_an_id_has_that_of_its_full_url() {
    let anonymous = patient("p").replace(r#""id":"p","#, "");
    let items = read([(
        "a.json",
        bundle(&[
            entry("urn:uuid:0a6b", &anonymous),
            entry("urn:uuid:e", &encounter("e", "urn:uuid:0a6b", "Practitioner/d")),
            entry("https://example.org/x", &anonymous),
        ]),
    )]);
    assert_eq!(brief(&items), ["patient 0a6b", "file 1 of 1:4 (Bundle.entry[2]): missing Patient.id", "encounter e"]);
    assert_eq!(references(&items), [(id("0a6b"), id("d"))]);
}

#[test]
fn a_practitioner_comes_with_each_bundle() {
    let text = bundle(&[entry("urn:uuid:d", &practitioner("d", "1"))]);
    assert_eq!(brief(&read([("a.json", &text), ("b.json", &text)])), ["practitioner d", "practitioner d"]);
}

#[test]
fn entries_without_a_resource_are_skipped() {
    let text = bundle(&[
        r#"{"request":{"method":"DELETE","url":"Patient/1"}}"#.to_owned(),
        entry("urn:uuid:p", &patient("p")),
    ]);
    assert_eq!(brief(&read([("a.json", text)])), ["patient p"]);
    assert_eq!(brief(&read([("a.json", r#"{"resourceType":"Bundle"}"#)])), [""; 0]);
}

#[test]
fn a_bad_resource_is_reported_with_its_line_and_the_others_read() {
    let text = bundle(&[
        entry("urn:uuid:1", "{\"resourceType\":\"Patient\",\n\n\"id\":\"1\",\"name\":\n\"Ada\"}"),
        "7".to_owned(),
        "null".to_owned(),
        r#"{"fullUrl":7}"#.to_owned(),
        entry("urn:uuid:2", "{\"id\":\"2\"}"),
        entry("urn:uuid:3", &patient("3")),
        entry(
            "urn:uuid:4",
            "{\"resourceType\":\"Patient\",\n\"id\":\"4\",\"name\":[{\"family\":\"B\"}],\n\"birthDate\":\"Ada\"}",
        ),
        entry("urn:uuid:5", "[]"),
    ]);
    assert_eq!(
        brief(&read([("Ada_Bead_c9efcb62.json", text)])),
        [
            "…c9efcb62.json:6 (Bundle.entry[1]): Bundle.entry does not have the JSON shape that FHIR R4 gives it",
            "…c9efcb62.json:7 (Bundle.entry[2]): Bundle.entry does not have the JSON shape that FHIR R4 gives it",
            "…c9efcb62.json:8 (Bundle.entry[3]): Bundle.entry does not have the JSON shape that FHIR R4 gives it",
            "…c9efcb62.json:9 (Bundle.entry[4]): not a FHIR resource (an object with a resourceType)",
            "…c9efcb62.json:14 (Bundle.entry[7]): not a FHIR resource (an object with a resourceType)",
            "…c9efcb62.json:5 (Bundle.entry[0]): Patient.name does not have the JSON shape that FHIR R4 gives it",
            "patient 3",
            "…c9efcb62.json:13 (Bundle.entry[6]): Patient.birthDate is not a date",
            "patient 4",
        ]
    );
}

#[test]
fn a_bad_file_is_reported_and_the_next_one_read() {
    let good = bundle(&[entry("urn:uuid:p", &patient("p"))]);
    let not_utf8 = [good.as_bytes(), b"\n\xff"].concat();
    let not_a_bundle = "not a FHIR bundle (an object of resourceType Bundle with a list of entries)";
    for (bad, expected) in [
        (&b""[..], "file 1 of 2:1: malformed JSON".to_owned()),
        (&good.as_bytes()[..good.len() - 3], "file 1 of 2:2: malformed JSON".to_owned()),
        (&b"\n\n{]"[..], "file 1 of 2:3: malformed JSON".to_owned()),
        (&not_utf8, "file 1 of 2:4: not UTF-8".to_owned()),
        (&b"[]"[..], format!("file 1 of 2:1: {not_a_bundle}")),
        (&b"{}"[..], format!("file 1 of 2:1: {not_a_bundle}")),
        (&br#"{"resourceType":"Patient","id":"p"}"#[..], format!("file 1 of 2:1: {not_a_bundle}")),
        (&br#"{"resourceType":"Bundle","entry":{}}"#[..], format!("file 1 of 2:1: {not_a_bundle}")),
        (&br#"{"resourceType":"Bundle","entry":[],"entry":[]}"#[..], format!("file 1 of 2:1: {not_a_bundle}")),
    ] {
        assert_eq!(brief(&read([("a.json", bad), ("b.json", good.as_bytes())])), [expected, "patient p".to_owned()]);
    }
}

#[test]
fn damaged_compressed_bundles_give_nothing() {
    let whole = gzip(bundle(&[entry("urn:uuid:p", &patient("p"))]));
    for cut in [0, 5, whole.len() / 2, whole.len() - 1] {
        let items = read([("a.json.gz", &whole[..cut])]);
        let [Item::Problem(problem)] = &items[..] else { panic!("cut at {cut}: {:?}", brief(&items)) };
        // Nothing at all is an empty file rather than a damaged one.
        assert!(matches!(problem.reason, Reason::DamagedGzip | Reason::MalformedJson), "cut at {cut}: {problem}");
    }
}

#[test]
fn a_bundle_that_is_too_large_is_passed_over() {
    let limits = Limits { bundle_bytes: 300, line_bytes: 100 };
    let text = bundle(&[entry("urn:uuid:p", &patient("p"))]);
    let large = format!("{text}{}", " ".repeat(1 << 20));
    let exact = format!("{text}{}", " ".repeat(300 - text.len()));
    let too_large = "file 1 of 1: bundle is larger than 300 bytes";
    assert_eq!(brief(&read_within(limits, "a.json", &large)), [too_large]);
    assert_eq!(brief(&read_within(limits, "a.json.gz", gzip(&large))), [too_large]);
    assert_eq!(brief(&read_within(limits, "a.json", exact)), ["patient p"]);
}

#[test]
fn a_file_that_has_gone_is_reported() {
    let folder =
        folder_of([("Patient.ndjson", patient("1")), ("a.json", bundle(&[entry("urn:uuid:2", &patient("2"))]))]);
    let opened = Folder::open(folder.path()).expect("the folder has FHIR files");
    fs::remove_file(folder.path().join("Patient.ndjson")).expect("the folder is writable");
    let mut records = opened.records();
    let items: Vec<Item> = records.by_ref().collect();
    assert_eq!(brief(&items), ["Patient.ndjson: cannot be opened: entity not found", "patient 2"]);
    assert_eq!(problems(&items)[0].line, None);
    assert_eq!(records.bytes_read(), opened.total_bytes());
}
