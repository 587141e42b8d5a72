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
    assert!(log.contains("DEBUG sqlx::query") && log.contains("patients"), "everything is logged");
    let leaked: Vec<String> = identifying().into_iter().filter(|text| log.contains(text.as_str())).collect();
    assert!(leaked.is_empty(), "the log contains {} of them, such as {:?}", leaked.len(), leaked.first());
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
