//! What the lock has to say.

use std::fmt;
use std::path::{Path, PathBuf};

use super::change::{Change, ChangeKind};
use super::{Contract, LOCK_FILE};
use crate::event::EventInfo;

/// How the declarations differ from what was released. Its `Display` says what to do.
#[derive(Debug, Clone)]
pub struct Report {
    lock: PathBuf,
    findings: Vec<Finding>,
}

/// What differs about one event type.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The event type's name.
    pub event_type: String,
    /// The version that is declared, or was released last when none is declared.
    pub version: u32,
    /// The Rust type and where it is declared, if it is.
    pub declared: Option<String>,
    /// What differs.
    pub changes: Vec<Change>,
    /// The services that publish it.
    pub published_by: Vec<String>,
    /// The subscriptions that read it.
    pub read_by: Vec<String>,
    rust: &'static str,
}

impl Finding {
    pub(super) fn of(event: &EventInfo, contracts: &[Contract], changes: Vec<Change>) -> Self {
        let publishes =
            |contract: &&Contract| contract.publishes.iter().any(|other| other.event_type == event.event_type);
        Self {
            event_type: event.event_type.to_owned(),
            version: event.version,
            declared: Some(format!("`{}`, {}:{}", event.name, event.file, event.line)),
            changes,
            published_by: contracts.iter().filter(publishes).map(|contract| contract.service.clone()).collect(),
            read_by: contracts
                .iter()
                .flat_map(|contract| contract.receivers_of(event))
                .map(|receiver| receiver.durable.clone())
                .collect(),
            rust: event.name,
        }
    }

    pub(super) fn gone(event_type: &str, version: u32, change: Change) -> Self {
        Self {
            event_type: event_type.to_owned(),
            version,
            declared: None,
            changes: vec![change],
            published_by: Vec::new(),
            read_by: Vec::new(),
            rust: "",
        }
    }

    /// Whether nobody breaks.
    #[must_use]
    pub fn is_compatible(&self) -> bool {
        self.changes.iter().all(|change| change.kind.is_compatible())
    }

    fn has(&self, kind: ChangeKind) -> bool {
        self.changes.iter().any(|change| change.kind == kind)
    }

    /// What to do about it.
    fn help(&self) -> String {
        let event_type = &self.event_type;
        if self.has(ChangeKind::TypeChanged) {
            return format!(
                "keep the name: `#[event(…, type = \"{event_type}\")]`; or publish both for as long as somebody needs the old one"
            );
        }
        if self.has(ChangeKind::EventRemoved) {
            return format!(
                "declare it again; when nobody publishes or stores it any more, remove it from the lock: `schema accept --forget {event_type}`"
            );
        }
        if self.has(ChangeKind::VersionLowered) {
            return String::from("versions only go up: take the released one, or the one after it");
        }
        let (rust, now) = (self.rust, self.version);
        if self.has(ChangeKind::UpcastMissing) {
            return format!(
                "keep the released struct and convert it: `#[event(…, version = {now}, upcast(from = {rust}Old))]` and `impl From<{rust}Old> for {rust}`"
            );
        }
        if self.has(ChangeKind::GoldenBroken) {
            return String::from(
                "make the types read what was released: events of that form wait in streams, outboxes and dead letters",
            );
        }
        let old = format!("{rust}V{now}");
        let next = now + 1;
        format!(
            "{}, or make it a new version: keep the struct as it was, as `{old}`, and write\n          \
             `#[event(…, version = {next}, upcast(from = {old}))]` on `{rust}`, and `impl From<{old}> for {rust}`",
            self.cure()
        )
    }

    /// How to get along without a new version.
    fn cure(&self) -> String {
        let of_kind = |kind| self.changes.iter().find(move |change| change.kind == kind);
        if let Some(renamed) = of_kind(ChangeKind::FieldRenamed) {
            let name = renamed.path.rsplit('/').next().unwrap_or_default();
            return format!("keep the key, `#[serde(rename = \"{name}\")]`");
        }
        if of_kind(ChangeKind::NewRequiredField).is_some() || of_kind(ChangeKind::MadeRequired).is_some() {
            return String::from("make it an `Option`, or give it a `#[serde(default)]`");
        }
        if of_kind(ChangeKind::PhiWeakened).is_some() {
            return String::from("protect it again with `Phi<…>`");
        }
        String::from("take it back")
    }

    /// Who breaks, in words.
    fn victims(&self) -> Vec<String> {
        use ChangeKind as Kind;
        let any = |kinds: &[Kind]| kinds.iter().any(|kind| self.has(*kind));
        let mut victims = Vec::new();
        let for_readers = [
            Kind::FieldRemoved,
            Kind::FieldRenamed,
            Kind::Retyped,
            Kind::MadeOptional,
            Kind::SubjectChanged,
            Kind::KeyChanged,
            Kind::PhiWeakened,
        ];
        if any(&for_readers) && !self.read_by.is_empty() {
            victims.push(format!("breaks readers of the released form: {}", self.read_by.join(", ")));
        }
        let for_publishers = [
            Kind::NewRequiredField,
            Kind::MadeRequired,
            Kind::Narrowed,
            Kind::Retyped,
            Kind::UpcastMissing,
            Kind::GoldenBroken,
            Kind::VersionLowered,
        ];
        if any(&for_publishers) {
            let by = if self.published_by.is_empty() { String::from("anybody") } else { self.published_by.join(", ") };
            let readers = if self.read_by.is_empty() { "its readers".to_owned() } else { self.read_by.join(", ") };
            victims.push(format!("events published before, by {by}, become dead letters of {readers}"));
        }
        victims
    }
}

impl Report {
    pub(super) fn new(lock: &Path) -> Self {
        Self { lock: lock.to_owned(), findings: Vec::new() }
    }

    pub(super) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// What differs, by event type.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether nobody breaks: there are additions at the most, which are to be recorded.
    #[must_use]
    pub fn is_compatible(&self) -> bool {
        self.findings.iter().all(Finding::is_compatible)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lock = self.lock.file_name().map_or(LOCK_FILE.into(), |name| name.to_string_lossy());
        if self.is_empty() {
            return write!(f, "the declarations are what `{lock}` says was released");
        }
        writeln!(f, "the declarations are not what `{lock}` says was released")?;
        for finding in &self.findings {
            write!(f, "\n  `{}` version {}", finding.event_type, finding.version)?;
            match &finding.declared {
                Some(declared) => writeln!(f, " ({declared})")?,
                None => writeln!(f)?,
            }
            for change in &finding.changes {
                let word = if change.kind.is_compatible() { "addition" } else { "breaks" };
                writeln!(f, "    {word:<9} {change}")?;
            }
            if finding.is_compatible() {
                continue;
            }
            for victims in finding.victims() {
                writeln!(f, "    {victims}")?;
            }
            writeln!(f, "    help: {}", finding.help())?;
        }
        if self.is_compatible() {
            write!(
                f,
                "\nhelp: nobody breaks; record it: `SHARED_SCHEMA=accept cargo test`, or the service's command `schema accept`"
            )
        } else {
            write!(f, "\nnothing is recorded as long as something breaks")
        }
    }
}
