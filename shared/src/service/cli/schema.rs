//! The commands about events: they need neither database nor bus.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::super::Service;
use crate::error::{Error, Result};
use crate::schema::{Contract, LOCK_FILE, Lock, Server, asyncapi, json_schema, page};

#[derive(Subcommand)]
pub(super) enum SchemaCommand {
    /// JSON Schema (2020-12) of every event, or of one (the default)
    Show {
        /// The event type's name, such as appointment.scheduled
        event_type: Option<String>,
    },
    /// A page in Markdown: who publishes what, who takes it, what is in it
    Page,
    /// Compare the events with what was released; exit with 1 when they differ
    Check {
        /// The lock
        #[arg(long, default_value = LOCK_FILE)]
        lock: PathBuf,
    },
    /// Record what was added; refuse what would break somebody, and exit with 1
    Accept {
        /// The lock
        #[arg(long, default_value = LOCK_FILE)]
        lock: PathBuf,
        /// An event type that nobody publishes or stores any more (may be given several times)
        #[arg(long, value_name = "EVENT_TYPE")]
        forget: Vec<String>,
    },
}

pub(super) fn schema(service: &Service, command: SchemaCommand) -> Result<()> {
    let contract = service.contract();
    match command {
        SchemaCommand::Show { event_type } => show(&contract, event_type.as_deref()),
        SchemaCommand::Page => {
            print!("{}", page(&[contract]));
            Ok(())
        }
        SchemaCommand::Check { lock } => check(&contract, &lock),
        SchemaCommand::Accept { lock, forget } => accept(&contract, &lock, &forget),
    }
}

pub(super) fn print_asyncapi(service: &Service) -> Result<()> {
    let server = std::env::var("NATS_URL").ok().and_then(|url| Server::of_url(&url));
    print(&asyncapi(&service.contract(), server.as_ref()))
}

/// Compares with the lock of the working directory, where there is one: in development and in CI, not in production.
pub(super) fn check_here(service: &Service) -> Result<()> {
    let lock = Path::new(LOCK_FILE);
    if lock.exists() { check(&service.contract(), lock) } else { Ok(()) }
}

fn show(contract: &Contract, event_type: Option<&str>) -> Result<()> {
    let events = contract.events();
    match event_type {
        None => {
            let all: serde_json::Map<String, serde_json::Value> =
                events.iter().map(|event| (event.event_type.to_owned(), json_schema(event))).collect();
            print(&all.into())
        }
        Some(wanted) => match events.iter().find(|event| event.event_type == wanted) {
            Some(event) => print(&json_schema(event)),
            None => {
                let names: Vec<&str> = events.iter().map(|event| event.event_type).collect();
                Err(Error::config(
                    "EVENT_TYPE",
                    format!("`{}` neither publishes nor takes `{wanted}`", contract.service),
                    format!("its events are: {}", names.join(", ")),
                ))
            }
        },
    }
}

fn print(document: &serde_json::Value) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(document).map_err(Error::other)?);
    Ok(())
}

fn check(contract: &Contract, lock: &Path) -> Result<()> {
    let report = Lock::read(lock)?.check(std::slice::from_ref(contract));
    println!("{report}");
    if report.is_empty() { Ok(()) } else { Err(Error::Usage("the events are not what was released; see above".into())) }
}

fn accept(contract: &Contract, path: &Path, forget: &[String]) -> Result<()> {
    let mut lock = Lock::read(path)?;
    for event_type in forget {
        if contract.events().iter().any(|event| event.event_type == event_type) {
            return Err(Error::config(
                "--forget",
                format!("`{}` still publishes or takes `{event_type}`", contract.service),
                "remove it from the program first; what is declared is recorded",
            ));
        }
        if !lock.forget(event_type) {
            return Err(Error::config(
                "--forget",
                format!("`{event_type}` is not recorded in {}", path.display()),
                "check the name with `schema check`",
            ));
        }
    }
    let report = lock.check(std::slice::from_ref(contract));
    if !report.is_compatible() {
        println!("{report}");
        return Err(Error::Usage("nothing was recorded: somebody would break; see above".into()));
    }
    let recorded = lock.accept(std::slice::from_ref(contract))?;
    lock.write()?;
    for finding in recorded.findings() {
        for change in &finding.changes {
            println!("recorded {} version {}: {change}", finding.event_type, finding.version);
        }
    }
    println!("{} is up to date; commit it", path.display());
    Ok(())
}
