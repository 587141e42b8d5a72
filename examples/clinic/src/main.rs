//! The clinic's command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clinic::fhir::Folder;
use clinic::report::{Report, broken_invariants};
use clinic::{api, billing, import, reminders, scheduling, timeline};
use indicatif::{ProgressBar, ProgressStyle};
use shared::db::DbOptions;
use shared::http::Handles;
use shared::{Config, Db, Error, Running, Service};

/// A clinic's services on FHIR records.
#[derive(Parser)]
#[command(
    name = "clinic",
    after_help = "Without --database and --nats everything runs embedded: SQLite in `clinic.db` and the in-process bus.\n\nExit codes: 0 all is well, 1 something does not add up or went wrong, 2 the configuration is wrong."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Surroundings {
    /// postgres://user:password@host/database or sqlite://file.db
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, default_value = "sqlite://clinic.db", global = true)]
    database: String,
    /// nats://host:4222; without it the in-process bus
    #[arg(long, env = "NATS_URL", hide_env_values = true, global = true)]
    nats: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run all services in this process, import a folder, wait until everything has settled, and report
    Run {
        /// A folder of FHIR R4 records: bundles (*.json) or Bulk Data (*.ndjson), also gzipped
        #[arg(long)]
        input: PathBuf,
        /// Write the report as JSON to this file
        #[arg(long)]
        report: Option<PathBuf>,
        /// Fail when something in the input cannot be read
        #[arg(long)]
        strict: bool,
        #[command(flatten)]
        surroundings: Surroundings,
    },
    /// Run one service as a process of its own, until SIGTERM or Ctrl-C
    Serve {
        service: Which,
        /// Answer HTTP requests at this address (scheduling, all)
        #[arg(long)]
        http: Option<SocketAddr>,
        #[command(flatten)]
        surroundings: Surroundings,
    },
    /// Import a folder into the database of running services
    Import {
        /// A folder of FHIR R4 records
        #[arg(long)]
        input: PathBuf,
        /// Fail when something in the input cannot be read
        #[arg(long)]
        strict: bool,
        #[command(flatten)]
        surroundings: Surroundings,
    },
    /// Print what was done, as JSON, and check that it adds up
    Report {
        /// Write the report to this file instead
        #[arg(long)]
        report: Option<PathBuf>,
        #[command(flatten)]
        surroundings: Surroundings,
    },
    /// Create the tables
    Migrate {
        #[command(flatten)]
        surroundings: Surroundings,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Scheduling,
    Reminders,
    Billing,
    Timeline,
    /// Every service in one process
    All,
}

impl Which {
    fn services(self) -> Vec<Service> {
        match self {
            Self::Scheduling => vec![scheduling::service()],
            Self::Reminders => vec![reminders::service()],
            Self::Billing => vec![billing::service()],
            Self::Timeline => vec![timeline::service()],
            Self::All => clinic::services(),
        }
    }
}

/// How long the services may take to handle what an import has published.
const SETTLE: Duration = Duration::from_secs(600);

/// How long HTTP requests may go on after SIGTERM.
const HTTP_GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    shared::log::init();
    let result = match Cli::parse().command {
        Command::Run { input, report, strict, surroundings } => run(input, report, strict, &surroundings).await,
        Command::Serve { service, http, surroundings } => serve(service, http, &surroundings).await,
        Command::Import { input, strict, surroundings } => import_only(input, strict, &surroundings).await,
        Command::Report { report, surroundings } => print_report(report, &surroundings).await,
        Command::Migrate { surroundings } => migrate(&surroundings).await,
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", error.report());
            ExitCode::from(if matches!(error, Error::Config(_)) { 2 } else { 1 })
        }
    }
}

impl Surroundings {
    fn config(&self, service: &str) -> shared::Result<Config> {
        Ok(Config::from_env()?.with_database_url(&self.database).with_nats_url(self.nats.clone()).with_service(service))
    }

    async fn connect(&self) -> shared::Result<Db> {
        DbOptions::from_config(&self.config("scheduling")?).connect().await
    }
}

fn open(input: &PathBuf) -> shared::Result<Folder> {
    Folder::open(input).map_err(|error| Error::config("--input", error.to_string(), "give a folder of FHIR R4 records"))
}

fn bar(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:<12} [{bar:40}] {percent:>3} %  {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    // hidden when standard error is no terminal
    ProgressBar::new(length).with_style(style).with_message(what)
}

async fn run_import(db: &Db, folder: &Folder, strict: bool) -> shared::Result<()> {
    let bar = bar(folder.total_bytes(), "importing");
    let result = import::import(db, folder, strict, &|read| bar.set_position(read)).await;
    bar.finish_and_clear();
    result
}

async fn run(
    input: PathBuf,
    report: Option<PathBuf>,
    strict: bool,
    surroundings: &Surroundings,
) -> shared::Result<ExitCode> {
    let folder = open(&input)?;
    let config = surroundings.config("clinic")?;
    let running = shared::start(&config, clinic::services()).await?;
    let db = running.db().with_source("scheduling");
    let imported = tokio::select! {
        imported = run_import(&db, &folder, strict) => imported,
        () = shared::service::signalled() => {
            running.shutdown().await?;
            eprintln!("interrupted; run the same command again to go on");
            return Ok(ExitCode::from(130));
        }
    };
    settle(&running).await?;
    let code = show(&db, report, true).await?;
    running.shutdown().await?;
    imported?;
    Ok(code)
}

async fn settle(running: &Running) -> shared::Result<()> {
    let total = running.db().outbox().pending().await?;
    let bar = bar(total, "handling");
    let watch = async {
        loop {
            if let Ok(pending) = running.db().outbox().pending().await {
                bar.set_position(total.saturating_sub(pending));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let result = tokio::select! {
        result = running.settled(SETTLE) => result,
        () = watch => Ok(()),
    };
    bar.finish_and_clear();
    result
}

async fn show(db: &Db, file: Option<PathBuf>, readable: bool) -> shared::Result<ExitCode> {
    let report = Report::read(db).await?;
    let broken = broken_invariants(db, &report).await?;
    let json = serde_json::to_string_pretty(&report).map_err(Error::other)?;
    if readable {
        print!("{report}");
    }
    match file {
        Some(file) => std::fs::write(file, json + "\n")?,
        None if !readable => println!("{json}"),
        None => {}
    }
    for broken in &broken {
        eprintln!("does not add up: {broken}");
    }
    if broken.is_empty() {
        eprintln!("everything adds up");
    }
    Ok(ExitCode::from(u8::from(!broken.is_empty())))
}

async fn serve(which: Which, http: Option<SocketAddr>, surroundings: &Surroundings) -> shared::Result<ExitCode> {
    let name = which.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    if which != Which::All && surroundings.nats.is_none() {
        return Err(Error::config(
            "NATS_URL",
            "services in processes of their own need a bus between them, and it is not set",
            "set it to `nats://host:4222`, or run everything in one process: `clinic serve all`",
        ));
    }
    if http.is_some() && !matches!(which, Which::Scheduling | Which::All) {
        return Err(Error::config("--http", format!("the service `{name}` has no HTTP interface"), "leave it out"));
    }
    let mut running = shared::start(&surroundings.config(&name)?, which.services()).await?;
    match http {
        Some(address) => {
            let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
                Error::config("--http", format!("cannot listen on {address} ({})", error.kind()), "choose a free port")
            })?;
            eprintln!("listening on http://{}", listener.local_addr()?);
            let app = api::router(Handles::of(&running, "scheduling"));
            let serving = axum::serve(listener, app).with_graceful_shutdown(shared::service::signalled());
            // a client that never finishes its request must not keep the process
            let overdue = async {
                shared::service::signalled().await;
                tokio::time::sleep(HTTP_GRACE).await;
            };
            tokio::select! {
                served = serving.into_future() => served?,
                () = overdue => {}
            }
        }
        None => tokio::select! {
            () = shared::service::signalled() => {}
            () = running.ended() => {}
        },
    }
    running.shutdown().await?;
    Ok(ExitCode::SUCCESS)
}

async fn import_only(input: PathBuf, strict: bool, surroundings: &Surroundings) -> shared::Result<ExitCode> {
    let folder = open(&input)?;
    let db = surroundings.connect().await?;
    db.create_tables(&tables()).await?;
    run_import(&db, &folder, strict).await?;
    eprintln!("imported; the services handle what was published");
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn print_report(file: Option<PathBuf>, surroundings: &Surroundings) -> shared::Result<ExitCode> {
    let db = surroundings.connect().await?;
    show(&db, file, false).await
}

async fn migrate(surroundings: &Surroundings) -> shared::Result<ExitCode> {
    let db = surroundings.connect().await?;
    db.create_tables(&tables()).await?;
    println!("tables are there");
    Ok(ExitCode::SUCCESS)
}

fn tables() -> Vec<&'static shared::entity::EntityDef> {
    clinic::services().iter().flat_map(|service| service.entity_defs().to_vec()).collect()
}
