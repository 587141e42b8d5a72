//! What the lock has to say.

use std::fmt;
use std::path::{Path, PathBuf};

use super::diff::{Change, ChangeKind};
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
        format!(
            "take it back, or make it a new version: keep the struct as it was as `{old}`, write\n          \
             `#[event(…, version = {}, upcast(from = {old}))]` on `{rust}` and `impl From<{old}> for {rust}`",
            now + 1
        )
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
            if !finding.published_by.is_empty() {
                writeln!(f, "    published by {}", finding.published_by.join(", "))?;
            }
            if !finding.read_by.is_empty() {
                writeln!(f, "    read by {}", finding.read_by.join(", "))?;
            }
            if !finding.is_compatible() {
                writeln!(f, "    help: {}", finding.help())?;
            }
        }
        if self.is_compatible() {
            write!(
                f,
                "\nhelp: nobody breaks; record it: `SHARED_SCHEMA=accept cargo test`, or the service's command `schema accept`"
            )
        } else {
            write!(
                f,
                "\nhelp: whatever breaks must be mended first; then record the rest: `SHARED_SCHEMA=accept cargo test`, or the service's command `schema accept`"
            )
        }
    }
}
