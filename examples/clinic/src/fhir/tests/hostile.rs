//! Input that means harm, or that a failing disk wrote.

use std::fs;

use super::{TestFolder, folder_of, patient, problems, read};
use crate::fhir::{Folder, Item};

const BUNDLE: &str = r#"{"resourceType":"Bundle","type":"transaction","entry":[
{"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","id":"p","identifier":[{"type":{"coding":[{"code":"MR"}]},"value":"Secret1"}],"name":[{"given":["Secret2"],"family":"Secret3"}],"telecom":[{"system":"phone","value":"Secret4"}],"birthDate":"1970-01-31"}},
{"fullUrl":"urn:uuid:e","resource":{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"urn:uuid:p","display":"Secret5"},"period":{"start":"2020-05-17T10:30:00Z"}}}
]}"#;

/// Reads damaged text in both layouts; nothing but the absence of a panic and of values is expected.
fn read_safely(folder: &TestFolder, text: &[u8]) -> Vec<Item> {
    for name in ["Secret_Bead_c9efcb62.json", "Patient.ndjson"] {
        fs::write(folder.path().join(name), text).expect("the temporary folder is writable");
    }
    let items: Vec<Item> = Folder::open(folder.path()).expect("the folder has FHIR files").records().collect();
    for problem in problems(&items) {
        let shown = format!("{problem} {problem:?}");
        assert!(!shown.contains("Secret") && !shown.contains("1970"), "{shown}");
    }
    items
}

fn empty_folder() -> TestFolder {
    folder_of([] as [(&str, &str); 0])
}

#[test]
fn text_cut_anywhere_is_reported() {
    let folder = empty_folder();
    for end in 0..BUNDLE.len() {
        let items = read_safely(&folder, &BUNDLE.as_bytes()[..end]);
        assert!(!problems(&items).is_empty(), "cut at {end}");
        assert!(!items.iter().any(|item| matches!(item, Item::Patient(_))), "cut at {end}");
    }
}

#[test]
fn any_byte_may_be_wrong() {
    let folder = empty_folder();
    for at in 0..BUNDLE.len() {
        for byte in [b'"', b'[', b'\\', 0xff] {
            let mut text = BUNDLE.as_bytes().to_vec();
            text[at] = byte;
            read_safely(&folder, &text);
        }
    }
}

#[test]
fn deep_nesting_is_only_deep() {
    let folder = empty_folder();
    let depth = 1_000_000;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let extended = patient("p").replacen('{', &format!(r#"{{"extension":{nested},"#), 1);
    assert!(matches!(&read([("Patient.ndjson", &extended)])[..], [Item::Patient(_)]));
    for broken in [
        nested.clone(),
        "[".repeat(depth),
        extended.replace("extension", "name"),
        extended.replace("extension", "identifier"),
    ] {
        let items = read_safely(&folder, broken.as_bytes());
        assert_eq!((items.len(), problems(&items).len()), (2, 2));
    }
}

#[test]
fn many_problems_in_one_file_have_their_lines() {
    let entries = vec!["\n7"; 200_000].join(",");
    let items = read([("a.json", format!(r#"{{"resourceType":"Bundle","entry":[{entries}]}}"#))]);
    let lines: Vec<Option<u64>> = problems(&items).iter().map(|problem| problem.line).collect();
    assert_eq!(lines, (2..200_002).map(Some).collect::<Vec<_>>());
}
