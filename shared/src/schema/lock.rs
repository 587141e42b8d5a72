//! The lock: what was released, so that a contract cannot drift by accident.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::change::{Change, ChangeKind};
use super::compare::compare;
use super::json::with_examples;
use super::report::{Finding, Report};
use super::sample::sample;
use super::{Contract, json_schema};
use crate::error::{Error, Result};
use crate::event::EventInfo;

/// The name of the file: it belongs beside the `Cargo.toml` of the crate that declares the events, and into version
/// control.
pub const LOCK_FILE: &str = "events.lock.json";

/// The released contracts: of each event type every version with its subject, its ordering key, its schema and golden
/// payloads, which must decode for ever.
///
/// [`check!`](super::check!) in a test is the usual way to it; the commands `schema check` and `schema accept` of a
/// service another one.
///
/// ```
/// use shared::prelude::*;
/// use shared::schema::{Contract, Lock};
///
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(subject = "appointment.booked")]
/// struct AppointmentBooked {
///     duration_minutes: u32,
/// }
///
/// # let directory = std::env::temp_dir().join(format!("shared-lock-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory).unwrap();
/// let contracts = [Contract::of_events("clinic", shared::events![AppointmentBooked])];
/// let mut lock = Lock::read(directory.join("events.lock.json"))?;
/// assert!(!lock.check(&contracts).is_empty(), "nothing is recorded yet");
/// lock.accept(&contracts)?;
/// lock.write()?;
/// assert!(lock.check(&contracts).is_empty());
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), shared::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Lock {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Content {
    /// The version of this file's own form.
    format: u32,
    events: BTreeMap<String, Locked>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Locked {
    versions: BTreeMap<u32, Version>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    schema: Value,
    golden: Vec<Value>,
}

const FORMAT: u32 = 1;

impl Lock {
    /// Reads the file; one that is not there is an empty lock.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config): it cannot be read, or is no lock.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let content = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                problem(&path, format!("it is no lock of events: {place}"), "restore it from version control")
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Content { format: FORMAT, events: BTreeMap::new() }
            }
            Err(error) => return Err(problem(&path, format!("it cannot be read: {error}"), "check its permissions")),
        };
        if content.format != FORMAT {
            return Err(problem(
                &path,
                format!("it has the form {}, and this version of `shared` knows {FORMAT}", content.format),
                "use the version of `shared` that has written it, or a later one",
            ));
        }
        Ok(Self { path, content })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Compares the declarations with what was released. An empty report means that nothing differs.
    #[must_use]
    pub fn check(&self, contracts: &[Contract]) -> Report {
        let declared = declared(contracts);
        let mut report = Report::new(&self.path);
        for (event_type, locked) in &self.content.events {
            match declared.get(event_type.as_str()) {
                Some(event) => check_event(event, locked, contracts, &mut report),
                None => report.push(gone(event_type, locked, &declared, &self.content)),
            }
        }
        for (event_type, event) in &declared {
            if !self.content.events.contains_key(*event_type) {
                let says = format!("is new, on \"{}\"", event.subject);
                report.push(Finding::of(event, contracts, vec![change("", ChangeKind::EventAdded, says)]));
            }
        }
        report
    }

    /// Records what was added since the last release, with a golden payload for each new form. Returns what was
    /// recorded.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the report when a change is not compatible, or when no payload
    /// could be made that decodes.
    pub fn accept(&mut self, contracts: &[Contract]) -> Result<Report> {
        let report = self.check(contracts);
        if !report.is_compatible() {
            return Err(problem(&self.path, report.to_string(), "see above; nothing was recorded"));
        }
        for (event_type, event) in declared(contracts) {
            let locked = self.content.events.entry(event_type.to_owned()).or_default();
            let schema = bare(json_schema(event));
            let mut golden = locked.versions.get(&event.version).map(|known| known.golden.clone()).unwrap_or_default();
            let known = locked.versions.get(&event.version).is_some_and(|known| known.schema == schema);
            if !known {
                let made = golden_payload(event, &self.path)?;
                if !golden.contains(&made) {
                    golden.push(made);
                }
            }
            let key = event.schema.key.map(str::to_owned);
            locked.versions.insert(event.version, Version { subject: event.subject.to_owned(), key, schema, golden });
        }
        Ok(report)
    }

    /// Forgets an event type that nobody publishes or needs any more. Returns whether it was recorded.
    pub fn forget(&mut self, event_type: &str) -> bool {
        self.content.events.remove(event_type).is_some()
    }

    /// Writes the file, all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config): it cannot be written.
    pub fn write(&self) -> Result<()> {
        let failed = |error: std::io::Error| {
            problem(&self.path, format!("it cannot be written: {error}"), "check the directory and its permissions")
        };
        let mut text = serde_json::to_string_pretty(&self.content)
            .map_err(|error| Error::Usage(format!("the lock cannot be written as JSON: {error}").into()))?;
        text.push('\n');
        let beside = self.path.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&beside, text).map_err(failed)?;
        std::fs::rename(&beside, &self.path).map_err(failed)
    }
}

fn problem(path: &Path, what: impl Into<String>, help: impl Into<String>) -> Error {
    Error::config(path.display().to_string(), what, help)
}

fn change(path: &str, kind: ChangeKind, says: impl Into<String>) -> Change {
    Change { path: path.to_owned(), kind, says: says.into() }
}

/// Every event type of the contracts, by name.
fn declared(contracts: &[Contract]) -> BTreeMap<&'static str, &'static EventInfo> {
    contracts.iter().flat_map(Contract::events).map(|event| (event.event_type, event)).collect()
}

fn gone(event_type: &str, locked: &Locked, declared: &BTreeMap<&str, &'static EventInfo>, lock: &Content) -> Finding {
    let (version, last) = match locked.versions.last_key_value() {
        Some((version, last)) => (*version, Some(last)),
        None => (0, None),
    };
    let successor = declared.values().find(|event| {
        !lock.events.contains_key(event.event_type)
            && last.is_some_and(|last| {
                last.subject == event.subject || last.schema.get("title").is_some_and(|title| title == event.name)
            })
    });
    let change = match successor {
        Some(event) => change(
            "",
            ChangeKind::TypeChanged,
            format!(
                "is called `{}` now (`{}`), and nobody who knows it by its old name gets it",
                event.event_type, event.name
            ),
        ),
        None => change("", ChangeKind::EventRemoved, "is not declared any more"),
    };
    Finding::gone(event_type, version, change)
}

fn check_event(event: &'static EventInfo, locked: &Locked, contracts: &[Contract], report: &mut Report) {
    let Some((&last, _)) = locked.versions.last_key_value() else { return };
    let mut changes = Vec::new();
    if event.version < last {
        let says = format!("is of version {}, and version {last} was released", event.version);
        changes.push(change("", ChangeKind::VersionLowered, says));
    } else {
        for (version, released) in &locked.versions {
            changes.extend(check_version(event, *version, released, *version == last));
        }
        if event.version > last {
            let says = format!("has a new version, {}", event.version);
            changes.push(change("", ChangeKind::VersionAdded, says));
        }
    }
    if !changes.is_empty() {
        report.push(Finding::of(event, contracts, changes));
    }
}

/// Compares one released version with the struct that stands for it now.
fn check_version(event: &'static EventInfo, version: u32, released: &Version, is_last: bool) -> Vec<Change> {
    let mut chain = std::iter::successors(Some(event), |event| event.upcast);
    let Some(now) = chain.find(|event| event.version == version) else {
        // an older one may have been converted by a version that was dropped since: its payloads say whether they decode
        let decodes = !is_last && released.golden.iter().all(|golden| decodes(event, version, golden).is_ok());
        let says = format!(
            "is of version {} now, and nothing converts events of version {version}, which was released",
            event.version
        );
        return if decodes { Vec::new() } else { vec![change("", ChangeKind::UpcastMissing, says)] };
    };
    let mut changes = Vec::new();
    if now.subject != released.subject {
        let says = format!("was published on \"{}\", is published on \"{}\"", released.subject, now.subject);
        changes.push(change("", ChangeKind::SubjectChanged, says));
    }
    if now.schema.key != released.key.as_deref() {
        let name = |key: Option<&str>| key.map_or_else(|| String::from("no field"), |key| format!("`{key}`"));
        let says = format!("was ordered by {}, is by {}", name(released.key.as_deref()), name(now.schema.key));
        changes.push(change("", ChangeKind::KeyChanged, says));
    }
    changes.extend(compare(&released.schema, &bare(json_schema(now))));
    for golden in &released.golden {
        if let Err(error) = decodes(event, version, golden)
            && changes.iter().all(|change| change.kind.is_compatible())
        {
            let says = format!("a payload of version {version} that was released does not decode any more: {error}");
            changes.push(change("", ChangeKind::GoldenBroken, says));
        }
    }
    changes
}

fn decodes(event: &EventInfo, version: u32, golden: &Value) -> Result<()> {
    match event.decodes {
        Some(decodes) => decodes(Some(version), golden.to_string().as_bytes()),
        None => Ok(()),
    }
}

fn golden_payload(event: &EventInfo, lock: &Path) -> Result<Value> {
    let schema = with_examples(event);
    let made = sample(&schema, &schema);
    decodes(event, event.version, &made).map_err(|error| {
        problem(
            lock,
            format!("no payload could be made for `{}` that decodes: {error}", event.event_type),
            "give the type of that field an example: `#[schemars(extend(\"examples\" = [\"…\"]))]`",
        )
    })?;
    Ok(made)
}

/// The schema without its texts: they may be improved at any time.
fn bare(mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        for said_elsewhere in ["$id", "x-subject", "x-key"] {
            object.remove(said_elsewhere);
        }
    }
    without_texts(&mut schema);
    schema
}

fn without_texts(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.remove("description");
            for (key, part) in object {
                match (key.as_str(), part) {
                    // their keys are names, not keywords
                    ("properties" | "$defs" | "patternProperties", Value::Object(parts)) => {
                        parts.values_mut().for_each(without_texts);
                    }
                    ("const" | "default" | "enum" | "examples", _) => {}
                    (_, part) => without_texts(part),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(without_texts),
        _ => {}
    }
}

/// The golden payloads of the lock, for tests of other programs.
impl Lock {
    /// The golden payloads of a version of an event type.
    #[must_use]
    pub fn golden(&self, event_type: &str, version: u32) -> &[Value] {
        let version = self.content.events.get(event_type).and_then(|locked| locked.versions.get(&version));
        version.map_or(&[], |version| &version.golden)
    }
}
