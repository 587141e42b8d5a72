//! With everything logged, no patient is.

use std::collections::BTreeSet;

use clinic::fhir::{Folder, Item};
use tests::{Nats, Postgres, Scratch};

use crate::clinic::{PATIENCE, clinic, folder, sqlite};

/// Everything in the sample that identifies a patient.
fn identifying() -> BTreeSet<String> {
    let folder = Folder::open(folder("sample")).expect("the sample is there");
    let mut found = BTreeSet::new();
    for item in folder.records() {
        let Item::Patient(patient) = item else { continue };
        found.insert(patient.name.into_inner());
        found.extend([patient.mrn, patient.ssn, patient.phone].into_iter().flatten().map(shared::Phi::into_inner));
    }
    assert!(found.len() > 200, "54 patients have names, phones, MRNs and SSNs: {}", found.len());
    found
}

fn check(log: &str) {
    assert!(log.contains("DEBUG shared::statement") && log.contains("patients"), "everything is logged");
    // how long a statement took is many digits, and some of them may be a medical record number
    let said: String = log.split_inclusive(' ').filter(|word| !word.starts_with("elapsed")).collect();
    let leaked: Vec<String> = identifying().into_iter().filter(|text| says(&said, text)).collect();
    assert!(leaked.is_empty(), "the log contains {} of them, such as {:?}", leaked.len(), leaked.first());
}

/// Whether a text stands in the log, not merely as a part of a longer word or number.
fn says(log: &str, text: &str) -> bool {
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    log.match_indices(text).any(|(at, _)| {
        let (before, after) = (&log[..at], &log[at + text.len()..]);
        apart(before.chars().next_back()) && apart(after.chars().next())
    })
}

#[test]
fn the_check_finds_what_it_should() {
    assert!(says("name=Ada Lovelace mrn=1359526", "1359526"));
    assert!(says("{\"name\":\"Ada Lovelace\"}", "Ada Lovelace"));
    assert!(!says("sequence=01359526", "1359526"));
}

#[tokio::test]
async fn an_embedded_run_logs_no_patient() {
    let scratch = Scratch::new("clinic");
    let run = clinic().env("RUST_LOG", "trace").arg("run").arg("--input").arg(folder("sample"));
    let run = run.args(["--database", &sqlite(&scratch)]).start();
    let status = run.ended(PATIENCE).await;
    assert!(status.success(), "{status}");
    check(&run.log());
}

#[tokio::test]
async fn a_run_on_servers_logs_no_patient() {
    let (database, nats) = (Postgres::shared().await.database().await, Nats::start().await);
    let run = clinic().env("RUST_LOG", "trace").arg("run").arg("--input").arg(folder("sample"));
    let run = run.args(["--database", &database, "--nats", &nats.url()]).start();
    let status = run.ended(PATIENCE).await;
    assert!(status.success(), "{status}");
    check(&run.log());
}
