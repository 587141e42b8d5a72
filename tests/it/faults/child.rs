//! A service in a process of its own: this binary once more, told by its environment what to do.

use std::ops::Deref;
use std::pin::pin;
use std::str::FromStr;
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;
use std::{env, thread};

use shared::prelude::*;
use shared::service::signalled;
use shared::{Config, Error};
use tests::{Launch, Process, eventually};

use crate::ledger::{self, Trouble};
use crate::place::LONG;
use crate::writers::{Record, Writers};

/// The services that a child runs; whoever has it in its environment is one.
pub(crate) const SERVICES: &str = "FAULTS_SERVICES";
/// How many writers run in the child, in which file they note what they did, and what their entries are called.
pub(crate) const WRITERS: &str = "FAULTS_WRITERS";
pub(crate) const RECORD: &str = "FAULTS_RECORD";
pub(crate) const NAME: &str = "FAULTS_NAME";
/// How many of a hundred tries of the posting fail.
pub(crate) const FAILING: &str = "FAULTS_FAILING";
/// The entry whose posting ends the process before or after its commit.
pub(crate) const DIES_BEFORE: &str = "FAULTS_DIES_BEFORE";
pub(crate) const DIES_AFTER: &str = "FAULTS_DIES_AFTER";
/// How many milliseconds a posting takes at least.
pub(crate) const SLOW: &str = "FAULTS_SLOW";

fn variable<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} cannot be read")))
}

/// What a child does from its start to its end: what `shared::run` does, and besides it writes, and says how it is.
pub(crate) async fn serve(names: &str) -> Result<()> {
    shared::log::init();
    let config = Config::from_env()?;
    let trouble = Trouble {
        failing: variable(FAILING).unwrap_or(0),
        dies_before: variable(DIES_BEFORE),
        dies_after: variable(DIES_AFTER),
        slow: Duration::from_millis(variable(SLOW).unwrap_or(0)),
    };
    let services = ledger::services(&trouble).into_iter();
    let mut running =
        shared::start(&config, services.filter(|it| names.split(',').any(|name| name == it.name()))).await?;
    let mut asked = pin!(signalled());
    // from here on a signal is not the end of the process
    let listening = asked.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
    assert!(listening.is_pending());
    let health = tokio::spawn(say_health(running.db().clone(), running.bus().clone()));
    let writers = variable(WRITERS).map(|writers| {
        let record = Record::new(env::var_os(RECORD).expect("writers need a record"));
        let name: String = variable(NAME).expect("writers need a name");
        Writers::start(running.db(), &record, &name, writers, Duration::from_millis(10))
    });
    println!("ready");
    tokio::select! {
        () = asked => {}
        () = running.ended() => {}
    }
    if let Some(writers) = writers {
        writers.stop().await;
    }
    health.abort();
    running.shutdown().await
}

/// Prints a line whenever the database or the bus comes or goes.
async fn say_health(db: Db, bus: Bus) {
    let mut said = (true, true);
    loop {
        let is = (db.ping().await.is_ok(), bus.ping().await.is_ok());
        if is != said {
            said = is;
            println!("health: database {}, bus {}", is.0, is.1);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A child, whose log is printed if it dies with a failing test.
pub(crate) struct Child(Process);

impl Child {
    pub(crate) fn start(launch: Launch) -> Self {
        Self(launch.start())
    }

    /// Waits until it runs.
    pub(crate) async fn ready(launch: Launch) -> Self {
        let child = Self::start(launch);
        child.says("ready").await;
        child
    }

    /// Waits until it has printed that, or logged it.
    pub(crate) async fn says(&self, text: &str) {
        eventually(LONG, async || {
            let log = self.log();
            if log.contains(text) {
                return Ok(());
            }
            assert!(self.status().is_none(), "it ended before it said {text:?}");
            Err(format!("no word of {text:?}"))
        })
        .await;
    }
}

impl Deref for Child {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(80)..].join("\n");
            eprintln!("the log of process {} ends with:\n{last}\n", self.pid());
        }
    }
}

/// The error of a child is what its process ends with.
pub(crate) fn ended_well(result: Result<(), Error>) {
    if let Err(error) = result {
        panic!("{}", error.report());
    }
}
