//! The binary, and what it reports.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tests::{Launch, Process, Scratch};

/// How long a run on the sample may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The clinic's binary with an environment of its own.
pub fn clinic() -> Launch {
    Process::command(env!("CARGO_BIN_EXE_clinic"))
        .env_remove("DATABASE_URL")
        .env_remove("NATS_URL")
        .env("RUST_LOG", "warn")
        // so that a killed process's messages come again soon
        .env("NATS_ACK_WAIT", "2s")
}

/// A folder of records beside the crate.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The URL of a SQLite file.
pub fn sqlite(scratch: &Scratch) -> String {
    format!("sqlite://{}", scratch.join("clinic.db").display())
}

/// Waits until the process has ended well.
pub async fn succeeds(process: Process) -> String {
    let status = process.ended(PATIENCE).await;
    assert!(status.success(), "{status}\n{}", process.log());
    process.stdout()
}

/// What `clinic report` says about a database, once everything in it adds up.
pub async fn report(database: &str) -> Value {
    let process = clinic().args(["report", "--database", database]).start();
    let output = succeeds(process).await;
    serde_json::from_str(&output).expect("the report is JSON")
}

/// The counts of a report: everything that does not depend on time or on what was interrupted.
pub fn counts(report: &Value) -> Value {
    let mut counts = report.clone();
    let object = counts.as_object_mut().expect("the report is an object");
    for varying in ["elapsed_ms", "events_per_second", "commit_to_handled_ms", "duplicates_suppressed"] {
        object.remove(varying).expect("the report has all keys");
    }
    counts
}

/// What the sample contains, as its script counted it.
pub fn sample_counts() -> Value {
    serde_json::json!({
        "patients": 54,
        "practitioners": 48,
        "appointments": 1_088,
        "rejected": { "double_booked": 5, "no_practitioner": 12, "unknown_patient": 3 },
        "input_errors": 0,
        "events": {
            "patient.registered": 54,
            "appointment.scheduled": 1_088,
            "appointment.fulfilled": 1_036,
            "appointment.cancelled": 40,
            "invoice.issued": 1_036,
        },
        "reminders": 1_088,
        "invoices": 1_036,
        "timeline_entries": 54 + 1_088 + 1_036 + 40 + 1_036,
        "dead_letters": 0,
    })
}
