//! A service's command line.

mod dead_letters;
mod plan;
mod schema;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::dead_letters::DeadLetterCommand;
use self::schema::SchemaCommand;
use super::{Service, running, tables};
use crate::config::{Config, VARIABLES};
use crate::db::{Db, DbOptions};
use crate::error::{Error, Result};

#[derive(Parser)]
#[command(about = "Runs the service, and looks after what it stores", subcommand_required = false)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run until SIGTERM or Ctrl-C (the default)
    Run,
    /// Apply the migrations of the service, and those of the library's own tables; without migrations, create the
    /// tables that are missing
    Migrate,
    /// Check configuration, database and bus, the tables against the entities, and the events against
    /// `events.lock.json` if there is one, then exit
    Check,
    /// Show how the tables differ from the entities, and what would mend it, and how streams and consumers differ from the
    /// subscribers; nothing is changed
    Plan(plan::Plan),
    /// Make streams and consumers as the subscribers declare them, where that loses nothing
    Apply,
    /// Print JSON Schemas of the events, compare them with what was released, record additions
    Schema {
        #[command(subcommand)]
        command: Option<SchemaCommand>,
    },
    /// Print the AsyncAPI 3.0 document of the service
    Asyncapi,
    /// Show how many events wait to be published
    Outbox,
    /// List, show, replay or delete what could not be handled
    DeadLetters {
        #[command(subcommand)]
        command: Option<DeadLetterCommand>,
    },
}

pub(super) async fn main(service: Service) -> Result<()> {
    let result = command(service).await;
    if let Err(error) = &result {
        eprintln!("error: {error}");
        std::process::exit(exit_code(error));
    }
    result
}

/// 2 when the surroundings are wrong, so that a supervisor can tell it from a crash.
fn exit_code(error: &Error) -> i32 {
    if matches!(error, Error::Config(_)) { 2 } else { 1 }
}

fn help() -> String {
    let mut text = String::from("Environment:\n");
    for (name, default, meaning) in VARIABLES {
        text.push_str(&format!("  {name:<27} {meaning} [default: {default}]\n"));
    }
    text.push_str("  RUST_LOG                    what is logged [default: info]");
    text
}

async fn command(service: Service) -> Result<()> {
    let command = Cli::command().name(service.name().to_owned()).after_help(help());
    let matches = command.get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    crate::log::init();
    match cli.command.unwrap_or(Command::Run) {
        Command::Schema { command } => {
            schema::schema(&service, command.unwrap_or(SchemaCommand::Show { event_type: None }))
        }
        Command::Asyncapi => schema::print_asyncapi(&service),
        Command::Run => super::run([service]).await,
        Command::Migrate => {
            let db = connect(&Config::from_env()?).await?;
            for name in tables::migrate(&db, &service).await? {
                println!("applied {name}");
            }
            println!("tables are there");
            Ok(())
        }
        Command::Check => {
            running::check(std::slice::from_ref(&service))?;
            schema::check_here(&service)?;
            let config = Config::from_env()?;
            let db = connect(&config).await?;
            db.ping().await?;
            tables::check(&db, &service).await?;
            crate::Bus::from_config(&config).await?.ping().await?;
            println!("configuration, database, tables and bus are fine");
            Ok(())
        }
        Command::Plan(plan) => {
            let config = Config::from_env()?;
            plan.run(&connect(&config).await?, &service, &config).await
        }
        Command::Apply => plan::apply(&service, &Config::from_env()?).await,
        Command::Outbox => {
            let outbox = connect(&Config::from_env()?).await?.outbox();
            println!("waiting: {}", outbox.pending().await?);
            println!("scheduled: {}", outbox.scheduled().await?);
            for (subject, count) in outbox.published_by_subject().await? {
                println!("published {subject}: {count}");
            }
            Ok(())
        }
        Command::DeadLetters { command } => command.unwrap_or_default().run(service, &Config::from_env()?).await,
    }
}

async fn connect(config: &Config) -> Result<Db> {
    DbOptions::from_config(config).connect().await
}
