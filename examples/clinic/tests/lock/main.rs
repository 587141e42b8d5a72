//! What the lock says when a released event changes: one fixture for each kind of change that breaks somebody.
//!
//! Each is the clinic with one event declared in another way, compared with the clinic's own `events.lock.json`. The
//! texts are what a developer reads: `texts/<change>.txt`. After a change of a text: `SHARED_SCHEMA=accept cargo test -p
//! clinic --test lock`, then read the new texts.

mod additions;
mod changes;

use std::path::{Path, PathBuf};

use shared::event::EventInfo;
use shared::schema::{ACCEPT_VARIABLE, ChangeKind, Contract, Lock, Report};

/// The clinic with an event in place of its own one of the same type name, or without that one.
fn clinic_with(removed: &str, declared: Option<&'static EventInfo>) -> Vec<Contract> {
    let mut contracts: Vec<Contract> = clinic::services().into_iter().map(Contract::from).collect();
    for contract in &mut contracts {
        let publishes = contract.publishes.iter().any(|event| event.event_type == removed);
        contract.publishes.retain(|event| event.event_type != removed);
        contract.publishes.extend(declared.filter(|_| publishes));
        for receiver in &mut contract.receivers {
            let known: Vec<&'static EventInfo> = receiver
                .events
                .iter()
                .filter_map(|event| if event.event_type == removed { declared } else { Some(*event) })
                .collect();
            receiver.events = known.leak();
        }
    }
    contracts
}

fn clinic_lock() -> Lock {
    Lock::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("events.lock.json")).expect("the clinic has a lock")
}

/// The report on a clinic with this event in place of `appointment.scheduled`.
fn report_on(declared: Option<&'static EventInfo>) -> Report {
    clinic_lock().check(&clinic_with("appointment.scheduled", declared))
}

fn kinds(report: &Report) -> Vec<ChangeKind> {
    report.findings().iter().flat_map(|finding| &finding.changes).map(|change| change.kind).collect()
}

/// Compares a report with its text. Lines of source files move, so they are left out.
fn says(name: &str, report: &Report) {
    let text = report.to_string();
    let mut shown = String::new();
    for (index, part) in text.split(".rs:").enumerate() {
        shown.push_str(if index > 0 { ".rs:LINE" } else { "" });
        shown.push_str(if index > 0 { part.trim_start_matches(|c: char| c.is_ascii_digit()) } else { part });
    }
    shown.push('\n');
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lock/texts").join(name).with_extension("txt");
    if std::env::var_os(ACCEPT_VARIABLE).is_some() {
        std::fs::write(&file, &shown).expect("it can be written");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(shown, expected, "{}", file.display());
}
