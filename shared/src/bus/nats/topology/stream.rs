//! The stream of a domain.

use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};

use super::change::Changes;
use crate::bus::Kept;
use crate::bus::topology::Refusal;
use crate::bus::unavailable;
use crate::config;
use crate::error::{Error, Result};
use crate::event::MAX_HEADERS_BYTES;
use crate::event::subject::covers;
use crate::query::PREFIX;
use crate::service::span;

/// What streams get that nobody has said anything else about.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// What was declared for all streams. What was not is only for those that are made: an operator may have changed it.
#[derive(Debug, Clone)]
pub(in crate::bus::nats) struct Limits {
    max_age: Option<Duration>,
    max_bytes: Option<u64>,
    replicas: Option<usize>,
    duplicate_window: Option<Duration>,
    max_payload: usize,
    batches: bool,
}

/// A stream that is there.
#[derive(Debug, Clone)]
pub(in crate::bus::nats) struct Stream {
    pub(in crate::bus::nats) kept: Kept,
    /// Whether it takes atomic batches.
    pub(in crate::bus::nats) batches: bool,
}

impl Limits {
    /// `batches`: whether events are sent in batches.
    pub(in crate::bus::nats) fn of(config: &config::Config, batches: bool) -> Self {
        Self {
            max_age: config.stream_max_age,
            max_bytes: config.stream_max_bytes,
            replicas: config.stream_replicas,
            duplicate_window: config.stream_duplicate_window,
            max_payload: config.max_payload,
            batches,
        }
    }

    /// Whether events are sent in batches, to streams that take them.
    pub(in crate::bus::nats) fn batches(&self) -> bool {
        self.batches
    }

    /// The stream of a domain as it is declared.
    fn declared(&self, domain: &str) -> Config {
        let max_age = self.max_age.unwrap_or(MAX_AGE);
        let window = self.duplicate_window.unwrap_or(DUPLICATE_WINDOW);
        Config {
            name: name(domain),
            subjects: vec![domain.to_owned(), format!("{domain}.>")],
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            // at a limit of its size the stream refuses new events, which wait in the outbox, and drops none
            discard: DiscardPolicy::New,
            max_age,
            max_bytes: self.max_bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            num_replicas: self.replicas.unwrap_or(1),
            // the server wants it no longer than the age
            duplicate_window: if max_age.is_zero() { window } else { window.min(max_age) },
            description: Some(format!("events of the domain `{domain}`")),
            allow_atomic_publish: self.batches,
            ..Config::default()
        }
    }
}

/// The stream of a domain: upper case, since stream names are a namespace of their own.
pub(in crate::bus::nats) fn name(domain: &str) -> String {
    domain
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c.to_ascii_uppercase() } else { '_' })
        .collect()
}

/// Makes the stream of a domain if it is missing, and changes one where that loses nothing.
///
/// # Errors
/// [`Error::Config`]: what the server has differs in something that is not safe to change.
pub(in crate::bus::nats) async fn ensure(context: &Context, domain: &str, limits: &Limits) -> Result<Stream> {
    if domain == PREFIX {
        return Err(Error::Usage(
            format!("events cannot be of the domain `{PREFIX}`: their stream would take requests for events").into(),
        ));
    }
    let declared = limits.declared(domain);
    let server = match find(context, &declared.name).await? {
        Some(server) => server,
        None => match context.create_stream(declared.clone()).await {
            Ok(stream) => stream.cached_info().config.clone(),
            // another process was faster, with other settings
            Err(error) if code_of(&error) == Some(ErrorCode::STREAM_NAME_EXIST) => {
                find(context, &declared.name).await?.ok_or_else(|| unmade(&error, domain, &declared))?
            }
            Err(error) => return Err(unmade(&error, domain, &declared)),
        },
    };
    let (changes, mut wanted) = compare(limits, declared, &server);
    changes.check()?;
    if !changes.is_empty() {
        changes.report();
        let updated = context.update_stream(&wanted).await;
        // what the server has made of it
        wanted = updated.map_err(|error| unmade(&error, domain, &wanted))?.config;
    }
    let max_age = (!wanted.max_age.is_zero()).then_some(wanted.max_age);
    Ok(Stream { kept: Kept { stream: wanted.name, max_age }, batches: wanted.allow_atomic_publish })
}

/// What [`ensure`] would do.
#[cfg(feature = "cli")]
pub(in crate::bus::nats) async fn plan(
    context: &Context,
    domain: &str,
    limits: &Limits,
) -> Result<Vec<crate::bus::TopologyChange>> {
    let declared = limits.declared(domain);
    let changes = match find(context, &declared.name).await? {
        None => Changes::of(what(&declared)).missing(),
        Some(server) => compare(limits, declared, &server).0,
    };
    Ok(changes.list)
}

fn what(config: &Config) -> String {
    format!("the stream `{}`", config.name)
}

async fn find(context: &Context, name: &str) -> Result<Option<Config>> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().config.clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            GetStreamErrorKind::Request => Err(Error::Timeout { what: "reading a stream" }),
            _ => Err(unavailable(format!("the stream `{name}` cannot be read"))),
        },
    }
}

fn code_of(error: &CreateStreamError) -> Option<ErrorCode> {
    match error.kind() {
        CreateStreamErrorKind::JetStream(error) => Some(error.error_code()),
        _ => None,
    }
}

fn unmade(error: &CreateStreamError, domain: &str, wanted: &Config) -> Error {
    match (error.kind(), code_of(error)) {
        (CreateStreamErrorKind::TimedOut, _) => Error::Timeout { what: "making a stream" },
        (_, Some(ErrorCode::STREAM_SUBJECT_OVERLAP)) => Error::config(
            "NATS_URL",
            format!("a stream of another name already takes the subjects of the domain `{domain}`"),
            format!(
                "delete that stream or its overlapping subjects; this library keeps `{domain}.>` in the stream `{}`",
                wanted.name
            ),
        ),
        (_, Some(ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED | ErrorCode::CLUSTER_NO_PEERS)) => Error::config(
            "STREAM_REPLICAS",
            format!("the server cannot keep {} copies of the stream `{}`", wanted.num_replicas, wanted.name),
            "set it to the number of servers in the cluster or less, or unset it",
        ),
        (_, Some(code)) => unavailable(format!("the server refuses the stream `{}` (error {})", wanted.name, code.0)),
        _ => unavailable(format!("the stream `{}` cannot be made", wanted.name)),
    }
}

/// How the server's stream differs from what is declared, and what it becomes if the changes are made.
fn compare(limits: &Limits, declared: Config, server: &Config) -> (Changes, Config) {
    let mut changes = Changes::of(what(&declared));
    let mut wanted = server.clone();
    subjects(&mut changes, &mut wanted, &declared.subjects);
    if server.retention != declared.retention {
        changes.refused(
            "retention",
            "limits",
            format!("{:?}", server.retention).to_lowercase(),
            by_hand(&declared.name, "the stream drops events that a subscriber handled, though others have not"),
        );
    }
    if server.storage != declared.storage {
        changes.refused(
            "storage",
            "file",
            format!("{:?}", server.storage).to_lowercase(),
            by_hand(&declared.name, "what is in memory is lost when the server restarts"),
        );
    }
    if server.no_ack {
        wanted.no_ack = false;
        changes.safe("no_ack", "false", "true");
    }
    if server.discard != DiscardPolicy::New && (server.max_bytes > 0 || server.max_messages > 0) {
        wanted.discard = DiscardPolicy::New;
        changes.safe("discard", "new", "old");
    }
    if declared.allow_atomic_publish && !server.allow_atomic_publish {
        wanted.allow_atomic_publish = true;
        changes.safe("allow_atomic", "true", "false");
    }
    numbers(limits, &mut changes, &mut wanted, &declared);
    let least = limits.max_payload + MAX_HEADERS_BYTES;
    if let Ok(size @ 1..) = usize::try_from(server.max_message_size)
        && size < least
    {
        changes.refused(
            "max_msg_size",
            format!("{least} or more"),
            size.to_string(),
            Refusal {
                variable: "MAX_PAYLOAD",
                why: "an event may be larger than what the stream takes, and would stay in the outbox".into(),
                help: format!(
                    "lower `MAX_PAYLOAD` to {}, or `nats stream edit {} --max-msg-size {least}`",
                    size.saturating_sub(MAX_HEADERS_BYTES),
                    declared.name
                ),
            },
        );
    }
    (changes, wanted)
}

/// Subjects are only ever added: the server may know some that another version declares.
fn subjects(changes: &mut Changes, wanted: &mut Config, declared: &[String]) {
    let taken = |subject: &String| wanted.subjects.iter().any(|have| covers(have, subject) || have == subject);
    if declared.iter().all(taken) {
        return;
    }
    let before = wanted.subjects.join(",");
    // no subject of a stream may be covered by another one of it
    let new = |have: &String| !declared.iter().any(|subject| covers(subject, have) || subject == have);
    let mut subjects: Vec<String> = wanted.subjects.iter().filter(|have| new(have)).cloned().collect();
    subjects.extend_from_slice(declared);
    changes.safe("subjects", format!("`{}`", subjects.join(",")), format!("`{before}`"));
    wanted.subjects = subjects;
}

/// Limits that were declared: more is safe, less is not.
fn numbers(limits: &Limits, changes: &mut Changes, wanted: &mut Config, declared: &Config) {
    let name = &declared.name;
    let age = |age: Duration| if age.is_zero() { "forever".to_owned() } else { span(age) };
    let endless = |age: Duration| if age.is_zero() { Duration::MAX } else { age };
    if limits.max_age.is_some() && wanted.max_age != declared.max_age {
        let (new, old) = (age(declared.max_age), age(wanted.max_age));
        if endless(declared.max_age) > endless(wanted.max_age) {
            wanted.max_age = declared.max_age;
            changes.safe("max_age", new, old);
        } else {
            let refusal = Refusal {
                variable: "STREAM_MAX_AGE",
                why: "a shorter one deletes events, handled or not".into(),
                help: format!(
                    "set it to `{old}`, which is what the server has, or delete what is older: `nats stream edit {name} --max-age {new}`"
                ),
            };
            changes.refused("max_age", new, old, refusal);
        }
    }
    let unlimited = |bytes: i64| if bytes > 0 { bytes } else { i64::MAX };
    if limits.max_bytes.is_some() && unlimited(wanted.max_bytes) != unlimited(declared.max_bytes) {
        let size = |bytes: i64| if bytes > 0 { bytes.to_string() } else { "unlimited".to_owned() };
        let (new, old) = (size(declared.max_bytes), size(wanted.max_bytes));
        if unlimited(declared.max_bytes) > unlimited(wanted.max_bytes) {
            wanted.max_bytes = declared.max_bytes;
            changes.safe("max_bytes", new, old);
        } else {
            let refusal = Refusal {
                variable: "STREAM_MAX_BYTES",
                why: "a stream that is larger than this would take no event any more".into(),
                help: format!(
                    "unset it, or look how large the stream is and change it by hand: `nats stream edit {name} --max-bytes {new}`"
                ),
            };
            changes.refused("max_bytes", new, old, refusal);
        }
    }
    if limits.replicas.is_some() && wanted.num_replicas.max(1) != declared.num_replicas {
        let (new, old) = (declared.num_replicas.to_string(), wanted.num_replicas.max(1).to_string());
        if declared.num_replicas > wanted.num_replicas {
            wanted.num_replicas = declared.num_replicas;
            changes.safe("replicas", new, old);
        } else {
            let refusal = Refusal {
                variable: "STREAM_REPLICAS",
                why: "fewer copies survive fewer failures".into(),
                help: format!(
                    "set it to {old}, or change the stream by hand: `nats stream edit {name} --replicas {new}`"
                ),
            };
            changes.refused("replicas", new, old, refusal);
        }
    }
    if limits.duplicate_window.is_some() && wanted.duplicate_window != declared.duplicate_window {
        // the inbox knows what the window does not: either way nothing is handled twice
        changes.safe("duplicate_window", span(declared.duplicate_window), span(wanted.duplicate_window));
        wanted.duplicate_window = declared.duplicate_window;
    }
}

fn by_hand(name: &str, why: &str) -> Refusal {
    Refusal {
        variable: "NATS_URL",
        why: why.into(),
        help: format!(
            "it cannot be changed: back the stream up if it holds events (`nats stream backup {name} …`), and delete it, so that it is made as declared"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::of(&config::Config::embedded(), false)
    }

    fn changes(limits: &Limits, server: &Config) -> Vec<(String, bool)> {
        let (changes, _) = compare(limits, limits.declared("note"), server);
        changes.list.into_iter().map(|change| (change.setting.clone(), change.is_safe())).collect()
    }

    #[test]
    fn names_have_no_forbidden_characters() {
        assert_eq!(name("appointment"), "APPOINTMENT");
        assert_eq!(name("lab/x"), "LAB_X");
    }

    #[test]
    fn a_stream_as_declared_has_no_difference() {
        assert!(changes(&limits(), &limits().declared("note")).is_empty());
    }

    #[test]
    fn what_nobody_declared_is_the_operators() {
        let server = Config { max_age: Duration::ZERO, max_bytes: 5, num_replicas: 3, ..limits().declared("note") };
        assert!(changes(&limits(), &server).is_empty());
    }

    #[test]
    fn more_is_safe_and_less_is_not() {
        let day = Duration::from_secs(24 * 3600);
        for (age, bytes, replicas, safe) in [(day * 2, 200, 3, true), (day / 2, 50, 1, false)] {
            let declared = Limits { max_age: Some(age), max_bytes: Some(bytes), replicas: Some(replicas), ..limits() };
            let server = Config { max_age: day, max_bytes: 100, num_replicas: 2, ..limits().declared("note") };
            let expected = ["max_age", "max_bytes", "replicas"].map(|setting| (setting.to_owned(), safe));
            assert_eq!(changes(&declared, &server), expected);
        }
        let forever = Limits { max_age: Some(Duration::ZERO), ..limits() };
        assert_eq!(changes(&forever, &limits().declared("note")), [("max_age".to_owned(), true)]);
    }

    #[test]
    fn batches_are_allowed_where_they_are_sent() {
        let server = limits().declared("note");
        let sending = Limits { batches: true, ..limits() };
        assert_eq!(changes(&sending, &server), [("allow_atomic".to_owned(), true)]);
        assert!(compare(&sending, sending.declared("note"), &server).1.allow_atomic_publish);
        // another service may send some
        assert!(changes(&limits(), &sending.declared("note")).is_empty());
    }

    #[test]
    fn subjects_are_added_without_an_overlap() {
        let server = Config { subjects: vec!["note.taken".into(), "memo.*".into()], ..limits().declared("note") };
        let (changes, wanted) = compare(&limits(), limits().declared("note"), &server);
        assert!(changes.list.iter().all(crate::bus::TopologyChange::is_safe));
        assert_eq!(wanted.subjects, ["memo.*", "note", "note.>"]);
    }

    #[test]
    fn what_loses_events_is_refused() {
        let server = Config {
            storage: StorageType::Memory,
            retention: RetentionPolicy::WorkQueue,
            max_message_size: 1_000,
            ..limits().declared("note")
        };
        let expected = ["retention", "storage", "max_msg_size"].map(|setting| (setting.to_owned(), false));
        assert_eq!(changes(&limits(), &server), expected);
    }
}
