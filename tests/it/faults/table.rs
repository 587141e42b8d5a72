//! The page about faults, and the README's promises: every test that they name is there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What the page names as tests: `tests/it/faults/broker_killed.rs`, or with a function behind `::`.
fn named(text: &str) -> Vec<(&str, Option<&str>)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let places = quoted.filter(|text| ["tests/", "examples/", "shared/"].iter().any(|start| text.starts_with(start)));
    places.map(|place| place.split_once("::").map_or((place, None), |(file, test)| (file, Some(test)))).collect()
}

fn is_there(file: &str, test: Option<&str>) -> Result<(), String> {
    let path = root().join(file);
    let Some(test) = test else {
        return if path.exists() { Ok(()) } else { Err(format!("`{file}` is not there")) };
    };
    let text = fs::read_to_string(&path).map_err(|error| format!("`{file}`: {error}"))?;
    if text.contains(&format!("fn {test}(")) { Ok(()) } else { Err(format!("`{file}` has no `{test}`")) }
}

#[test]
fn every_test_that_is_named_is_there() {
    for name in ["FAULTS.md", "README.md"] {
        let text = page(name);
        let missing: Vec<String> =
            named(&text).into_iter().filter_map(|(file, test)| is_there(file, test).err()).collect();
        assert!(missing.is_empty(), "{name}: {missing:#?}");
    }
    assert!(is_there("tests/it/faults/table.rs", Some("no_such_test")).is_err());
    assert!(is_there("tests/it/faults/no_such_file.rs", None).is_err());
}

#[test]
fn every_fault_has_a_test_and_every_promise_a_fault() {
    let text = page("FAULTS.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.as_bytes().get(2).is_some_and(u8::is_ascii_digit))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let numbers: Vec<String> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(numbers, (1..=26).map(|number: u32| number.to_string()).collect::<Vec<_>>());
    for row in &rows {
        assert_eq!(row.len(), 5, "{row:?}");
        assert!(!named(row[3]).is_empty(), "no test: {row:?}");
    }
    let readme = page("README.md");
    for promise in 1..=9 {
        let promise = format!("G{promise}");
        assert!(rows.iter().any(|row| row[4].split(' ').any(|it| it.trim_matches(',') == promise)), "{promise}");
        assert!(readme.contains(&format!("| {promise} |")), "{promise} is not in the README");
    }
}

/// A file of faults that nobody names would be one that nobody finds.
#[test]
fn every_file_of_faults_is_named() {
    let text = page("FAULTS.md");
    for entry in fs::read_dir(root().join("tests/it/faults")).expect("it is there") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let no_fault = ["main.rs", "child.rs", "ledger.rs", "place.rs", "writers.rs", "table.rs"];
        assert!(no_fault.contains(&&*name) || text.contains(&format!("faults/{name}")), "{name} is not in FAULTS.md");
    }
}
