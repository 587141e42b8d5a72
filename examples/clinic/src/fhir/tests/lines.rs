//! Bulk Data files.

use super::{Limits, brief, folder_of, gzip, patient, read, read_within};
use crate::fhir::{Folder, Item};

const LIMITS: Limits = Limits { bundle_bytes: 300, line_bytes: 100 };

#[test]
fn a_byte_order_mark_blank_lines_and_windows_line_ends_are_no_problem() {
    let text = format!("\u{feff}{}\r\n\r\n  \n\t{}\n{}", patient("1"), patient("2"), patient("3"));
    assert_eq!(brief(&read([("Patient.ndjson", text)])), ["patient 1", "patient 2", "patient 3"]);
    assert_eq!(brief(&read([("Patient.ndjson", "")])), [""; 0]);
}

#[test]
fn a_bad_line_is_reported_and_the_next_one_read() {
    let good = patient("good");
    let mut text = Vec::new();
    for bad in [
        &b"{"[..],
        &br#"{"resourceType":"Patient","id":"cut","name":[{"fam"#[..],
        &br#"{"resourceType":"Patient","id":"x","name":[{"family":"B"}]} trailing"#[..],
        &b"null"[..],
        &br#"["Patient"]"#[..],
        &br#"{"id":"x"}"#[..],
        &br#"{"id":"x","resourceType":7}"#[..],
        &br#"{"resourceType":"Encounter","id":"x"}"#[..],
        &br#"{"resourceType":"Encounter","id"#[..],
        &b"{\"resourceType\":\"Patient\",\"id\":\"\xff\"}"[..],
        &br#"{"resourceType":"Patient","id":"x","id":"y","name":[{"family":"B"}]}"#[..],
        &br#"{"id":"x","resourceType":"Patient","resourceType":"Patient"}"#[..],
        &br#"{"resourceType":"Patient","id":"\ud800","name":[{"family":"B"}]}"#[..],
    ] {
        text.extend_from_slice(bad);
        text.push(b'\n');
        text.extend_from_slice(good.as_bytes());
        text.push(b'\n');
    }
    let items = read([("Patient.ndjson", text)]);
    let (good, bad): (Vec<_>, Vec<_>) = brief(&items).into_iter().partition(|item| item == "patient good");
    assert_eq!(good.len(), 13);
    assert_eq!(
        bad,
        [
            "Patient.ndjson:1: malformed JSON",
            "Patient.ndjson:3: malformed JSON",
            "Patient.ndjson:5: malformed JSON",
            "Patient.ndjson:7: not a FHIR resource (an object with a resourceType)",
            "Patient.ndjson:9: not a FHIR resource (an object with a resourceType)",
            "Patient.ndjson:11: not a FHIR resource (an object with a resourceType)",
            "Patient.ndjson:13: not a FHIR resource (an object with a resourceType)",
            "Patient.ndjson:15: not the Patient resource that the file name promises",
            "Patient.ndjson:17: malformed JSON",
            "Patient.ndjson:19: not UTF-8",
            "Patient.ndjson:21: a key occurs twice in Patient",
            "Patient.ndjson:23: a key occurs twice in the resource",
            "Patient.ndjson:25: Patient.id does not have the JSON shape that FHIR R4 gives it",
        ]
    );
}

#[test]
fn the_resource_type_need_not_come_first() {
    let text = r#" { "name" : [{"family":"B"}], "id" : "p", "resourceType" : "Patient" } "#;
    assert_eq!(brief(&read([("Patient.ndjson", text)])), ["patient p"]);
}

#[test]
fn a_line_that_is_too_long_is_passed_over() {
    let long = format!(r#"{{"resourceType":"Patient","id":"long","name":[{{"family":"{}"}}]}}"#, "B".repeat(200_000));
    let text = format!("{long}\n{}\n{long}", patient("2"));
    assert_eq!(
        brief(&read_within(LIMITS, "Patient.ndjson", text)),
        [
            "Patient.ndjson:1: line is longer than 100 bytes",
            "patient 2",
            "Patient.ndjson:3: line is longer than 100 bytes",
        ]
    );
    let exact = format!("{:100}", patient("exact"));
    assert_eq!(brief(&read_within(LIMITS, "Patient.ndjson", exact)), ["patient exact"]);
}

#[test]
fn compressed_files_may_have_several_members() {
    let members = [gzip(format!("{}\n", patient("1"))), gzip(patient("2"))].concat();
    assert_eq!(brief(&read([("Patient.ndjson.gz", members)])), ["patient 1", "patient 2"]);
}

#[test]
fn damaged_compressed_files_give_what_is_whole() {
    let text: String = (0..2_000).map(|number| format!("{}\n", patient(&number.to_string()))).collect();
    let whole = gzip(&text);
    let items = read([("Patient.ndjson.gz", &whole[..whole.len() / 2])]);
    let (last, records) = items.split_last().expect("there are items");
    assert!(records.len() > 100 && records.iter().all(|item| matches!(item, Item::Patient(_))));
    let line = records.len() + 1;
    assert_eq!(
        brief(std::slice::from_ref(last)),
        [format!("Patient.ndjson.gz:{line}: gzip data is damaged or cut off")]
    );

    let damaged = "Patient.ndjson.gz:1: gzip data is damaged or cut off";
    assert_eq!(brief(&read([("Patient.ndjson.gz", patient("1"))])), [damaged]);
    assert_eq!(brief(&read([("Patient.ndjson.gz", &whole[..5])])), [damaged]);
}

#[test]
fn a_file_is_not_read_ahead_of_its_records() {
    let text: String = (0..50_000).map(|number| format!("{}\n", patient(&number.to_string()))).collect();
    let folder = folder_of([("Patient.ndjson", &text)]);
    let folder = Folder::open(folder.path()).expect("the folder has FHIR files");
    assert_eq!(folder.total_bytes(), text.len() as u64);

    let mut records = folder.records();
    let mut seen = 0;
    for number in 1..=50_000 {
        assert!(matches!(records.next(), Some(Item::Patient(_))), "line {number}");
        seen = records.bytes_read();
        assert!(seen < (number + 1) * 80 + (1 << 16), "at line {number}, {seen} bytes are read");
    }
    assert_eq!(records.next(), None);
    assert_eq!((seen, records.bytes_read()), (folder.total_bytes(), folder.total_bytes()));
    assert_eq!(records.next(), None);
}
