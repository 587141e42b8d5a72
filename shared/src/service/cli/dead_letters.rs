//! The commands about what could not be handled.

use std::io::{IsTerminal as _, Write as _};

use chrono::{DateTime, TimeDelta, Utc};
use clap::{ArgGroup, Args, Subcommand};
use uuid::Uuid;

use super::super::{Service, running};
use super::connect;
use crate::config::{Config, parse_span};
use crate::db::{DeadLetter, DeadLetters, LetterFilter};
use crate::error::{Error, Result};
use crate::event::{EventInfo, parse};
use crate::schema::veiled;

#[derive(Subcommand)]
pub(super) enum DeadLetterCommand {
    /// One line for each letter, oldest first (the default)
    List {
        #[command(flatten)]
        which: Which,
        /// The most letters to list
        #[arg(long, default_value_t = 100, value_name = "NUMBER")]
        limit: usize,
    },
    /// One letter; protected values stay hidden unless asked for
    Show {
        /// The letter's id
        id: Uuid,
        /// Print the payload as it came, which may contain patients' data
        #[arg(long)]
        expose: bool,
    },
    /// Handle letters again, now: one, those that the conditions leave, or all
    #[command(group(meant()))]
    Replay {
        /// The letter's id
        #[arg(conflicts_with_all = NEEDED)]
        id: Option<Uuid>,
        #[command(flatten)]
        which: Which,
        /// Every letter that waits
        #[arg(long, conflicts_with_all = CONDITIONS)]
        all: bool,
    },
    /// Delete letters for good: one, those that the conditions leave, or all
    #[command(group(meant()))]
    Purge {
        /// The letter's id
        #[arg(conflicts_with_all = NEEDED)]
        id: Option<Uuid>,
        #[command(flatten)]
        which: Which,
        /// Every letter that waits
        #[arg(long, conflicts_with_all = CONDITIONS)]
        all: bool,
    },
}

impl Default for DeadLetterCommand {
    fn default() -> Self {
        Self::List { which: Which::default(), limit: 100 }
    }
}

const CONDITIONS: [&str; 5] = ["subscription", "event_type", "reason", "older_than", "newer_than"];

const NEEDED: [&str; 6] = ["all", "subscription", "event_type", "reason", "older_than", "newer_than"];

/// Saying nothing means nothing.
fn meant() -> ArgGroup {
    ArgGroup::new("meant").required(true).multiple(true).arg("id").args(NEEDED)
}

/// Conditions on letters.
#[derive(Args, Default)]
pub(super) struct Which {
    /// Of this subscription: service and handler, such as reminders_remind
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// Of this event type, such as appointment.scheduled
    #[arg(long = "type", id = "event_type", value_name = "NAME")]
    event_type: Option<String>,
    /// With this reason, such as timeout, other or missing_field; decode is every reason why a message was not understood
    #[arg(long, value_name = "WORD")]
    reason: Option<String>,
    /// Parked longer ago than this, such as 30d
    #[arg(long, value_name = "SPAN", value_parser = ago)]
    older_than: Option<TimeDelta>,
    /// Parked in this time until now, such as 2h
    #[arg(long, value_name = "SPAN", value_parser = ago)]
    newer_than: Option<TimeDelta>,
}

fn ago(text: &str) -> std::result::Result<TimeDelta, String> {
    let span = parse_span(text).and_then(|span| TimeDelta::from_std(span).ok());
    span.ok_or_else(|| "a span such as `30s`, `5m`, `2h` or `7d` is expected".into())
}

impl Which {
    fn filter(&self) -> LetterFilter {
        let time = |ago: TimeDelta| crate::time::now().checked_sub_signed(ago).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let mut filter = LetterFilter::all();
        if let Some(name) = &self.subscription {
            filter = filter.subscription(name);
        }
        if let Some(name) = &self.event_type {
            filter = filter.event_type(name);
        }
        if let Some(word) = &self.reason {
            filter = filter.reason(word);
        }
        if let Some(ago) = self.older_than {
            filter = filter.parked_before(time(ago));
        }
        if let Some(ago) = self.newer_than {
            filter = filter.parked_since(time(ago));
        }
        filter
    }
}

impl DeadLetterCommand {
    pub(super) async fn run(self, service: Service, config: &Config) -> Result<()> {
        match self {
            Self::List { which, limit } => list(&connect(config).await?.dead_letters(), &which.filter(), limit).await,
            Self::Show { id, expose } => show(&service, &connect(config).await?.dead_letters(), id, expose).await,
            Self::Replay { id: Some(id), .. } => {
                let running = running::prepare(config, service).await?;
                let handled = running.replay(id).await;
                running.shutdown().await?;
                println!("{}", if handled? { "handled" } else { "failed again; it is a new dead letter" });
                Ok(())
            }
            Self::Replay { id: None, which, .. } => replay(config, service, &which.filter()).await,
            Self::Purge { id: Some(id), .. } => {
                let deleted = connect(config).await?.dead_letters().purge(id).await?;
                println!("{}", if deleted { "deleted" } else { "no such letter" });
                Ok(())
            }
            Self::Purge { id: None, which, .. } => {
                let deleted = connect(config).await?.dead_letters().purge_all(&which.filter()).await?;
                println!("{deleted} deleted");
                Ok(())
            }
        }
    }
}

async fn list(letters: &DeadLetters, filter: &LetterFilter, limit: usize) -> Result<()> {
    let waiting = letters.count_of(filter).await?;
    let mut left = limit;
    let mut page = letters.page(filter, None).await?;
    while let (Some(last), true) = (page.last(), left > 0) {
        for letter in page.iter().take(left) {
            println!(
                "{}  {}  {}  {}  {}  {} tries  {}",
                letter.id,
                letter.parked_at,
                letter.subscription,
                shown(&letter.event_type),
                letter.reason,
                letter.attempts,
                letter.report.replace('\n', " ")
            );
        }
        left = left.saturating_sub(page.len());
        page = letters.page(filter, Some(last)).await?;
    }
    match u64::try_from(limit) {
        Ok(limit) if limit < waiting => println!("{waiting} waiting, {limit} of them listed (--limit)"),
        _ => println!("{waiting} waiting"),
    }
    Ok(())
}

/// A name from outside, on a terminal.
fn shown(name: &str) -> String {
    if name.is_empty() { "-".into() } else { name.escape_debug().to_string() }
}

async fn show(service: &Service, letters: &DeadLetters, id: Uuid, expose: bool) -> Result<()> {
    let letter = letters.find(id).await?.ok_or(Error::NotFound { entity: "DeadLetter" })?;
    println!("{letter:#?}");
    if expose {
        println!("{}", String::from_utf8_lossy(letter.expose_payload()));
        return Ok(());
    }
    let (incoming, _) = parse(&letter.message());
    let payload = known(service, &letter)
        .and_then(|event| veiled(event, incoming.metadata.version, &incoming.data))
        .and_then(|payload| serde_json::to_string_pretty(&payload).ok());
    match payload {
        Some(payload) => println!("{payload}"),
        None => println!("‹{} bytes that no event type of the service describes›", letter.expose_payload().len()),
    }
    println!("help: `--expose` prints the payload as it came, which may contain patients' data");
    Ok(())
}

fn known(service: &Service, letter: &DeadLetter) -> Option<&'static EventInfo> {
    let events = service.subscribers().iter().flat_map(|subscriber| subscriber.events);
    events.copied().find(|event| event.event_type == letter.event_type)
}

async fn replay(config: &Config, service: Service, filter: &LetterFilter) -> Result<()> {
    let running = running::prepare(config, service).await?;
    let all = running.db().dead_letters().count_of(filter).await?;
    let mut progress = Progress { all, done: 0, terminal: std::io::stderr().is_terminal() };
    let replayed = running.replay_all(filter, |_, _| progress.step()).await;
    progress.end();
    running.shutdown().await?;
    let replayed = replayed?;
    println!("{} handled, {} failed again (they are new dead letters)", replayed.handled, replayed.failed);
    if replayed.elsewhere > 0 {
        println!(
            "{} left alone: their subscriptions are of another service\nhelp: replay them with its program",
            replayed.elsewhere
        );
    }
    Ok(())
}

/// How far it is, on a terminal.
struct Progress {
    all: u64,
    done: u64,
    terminal: bool,
}

impl Progress {
    fn step(&mut self) {
        self.done += 1;
        if self.terminal {
            // nothing depends on whether somebody sees it
            let _unseen = write!(std::io::stderr(), "\r{} of {}", self.done, self.all.max(self.done));
        }
    }

    fn end(&self) {
        if self.terminal && self.done > 0 {
            let _unseen = writeln!(std::io::stderr());
        }
    }
}
