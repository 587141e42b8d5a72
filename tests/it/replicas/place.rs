//! Where replicas run: servers of their own, writers, and what was seen in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fmt};

use shared::prelude::*;
use shared::{Config, Running};
use tests::{Nats, Postgres, Process, Signal, equal, eventually};
use tokio::task::JoinSet;

use crate::walks::{Count, Sight, WALKERS, prepare, step};

/// The subscriber that a child runs; whoever has it in its environment is one.
pub(crate) const SERVICE: &str = "REPLICAS_SERVICE";

/// For conditions that hold within seconds, on a machine that has other things to do.
pub(crate) const LONG: Duration = Duration::from_secs(180);

pub(crate) struct Place {
    pub(crate) db: Db,
    /// Publishes what is committed, so that it does not matter to that which replica lives.
    _publisher: Running,
    url: String,
    nats: Nats,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let url = Postgres::shared().await.database().await;
        let nats = Nats::start().await;
        let db = Db::connect(&url).await.expect("the database is there").with_source("walkers");
        prepare(&db).await;
        let config = Config::embedded().with_database_url(&url).with_nats_url(Some(nats.url())).with_service("walkers");
        let publisher = shared::start(&config, [Service::new("walkers")]).await.expect("it starts");
        Self { db, _publisher: publisher, url, nats }
    }

    /// Starts a process with this subscriber, and waits until it runs.
    pub(crate) async fn replica(&self, subscriber: &str) -> Process {
        let child = Process::command(env::current_exe().expect("the path of this binary"))
            .args(crate::CHILD)
            .env(SERVICE, subscriber)
            .env("DATABASE_URL", &self.url)
            .env("NATS_URL", self.nats.url())
            .env("RUST_LOG", env::var("REPLICAS_LOG").unwrap_or_else(|_| "info".to_owned()))
            .start();
        eventually(LONG, async || {
            assert!(child.status().is_none(), "it ended:\n{}", child.log());
            if child.stdout().contains("ready") { Ok(()) } else { Err("it is not ready") }
        })
        .await;
        child
    }

    /// Ends a process as an operator does.
    pub(crate) async fn end(&self, child: Process) {
        child.signal(Signal::Term);
        let status = child.ended(LONG).await;
        assert!(status.success(), "{status}:\n{}", child.log());
    }

    pub(crate) async fn sights(&self) -> Vec<Sight> {
        let query = self.db.repo::<Sight>();
        eventually(LONG, async || query.query().unlimited().all().await).await
    }

    /// The processes that have seen something, and how much.
    pub(crate) async fn seen_by(&self) -> BTreeMap<u32, usize> {
        let mut by = BTreeMap::new();
        for sight in self.sights().await {
            *by.entry(u32::try_from(sight.process).expect("it is a process id")).or_default() += 1;
        }
        by
    }

    /// Waits until a process has seen so many steps more.
    pub(crate) async fn more_seen_by(&self, process: &Process, more: usize) {
        let pid = process.pid();
        let count = async || self.seen_by().await.get(&pid).copied().unwrap_or_default();
        let before = count().await;
        eventually(LONG, async || {
            let now = count().await;
            if now >= before + more { Ok(()) } else { Err(format!("{now} of {} by {pid}", before + more)) }
        })
        .await;
    }

    /// Waits until all steps were seen, then checks that each was seen once, and returns how many they are.
    pub(crate) async fn all_seen(&self) -> usize {
        let counts = self.db.repo::<Count>();
        let rows = counts.query().unlimited().all().await.expect("they can be read");
        let steps: i64 = rows.iter().filter(|row| !row.name.starts_with("seen")).map(|row| row.count).sum();
        let steps = usize::try_from(steps).expect("it is a count");
        eventually(LONG, async || {
            let seen = self.sights().await.len();
            assert!(seen <= steps, "{seen} effects of {steps} events");
            equal(seen, steps)
        })
        .await;
        let different: BTreeSet<(String, i64)> =
            self.sights().await.into_iter().map(|sight| (sight.walker, sight.step)).collect();
        assert_eq!(different.len(), steps, "an event had its effects twice");
        let letters = self.db.dead_letters().list().await.expect("they can be read");
        assert!(letters.is_empty(), "{letters:?}");
        steps
    }

    /// Each walker's steps were seen in their order.
    pub(crate) async fn in_order(&self) {
        let mut sights = self.sights().await;
        sights.sort_by_key(|sight| sight.place);
        for walker in WALKERS {
            let seen: Vec<&Sight> = sights.iter().filter(|sight| sight.walker == walker).collect();
            let wrong = seen.iter().position(|sight| sight.step != sight.place);
            let around = wrong.map(|at| {
                let from = at.saturating_sub(5);
                seen[from..(at + 10).min(seen.len())]
                    .iter()
                    .map(|sight| format!("{} by {}", sight.step, sight.process))
                    .collect::<Vec<_>>()
            });
            assert!(around.is_none(), "the steps of {walker}: {around:?}");
        }
    }
}

/// Tasks that take steps until they are told to stop.
pub(crate) struct Writers {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
}

impl fmt::Debug for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writers({})", self.tasks.len())
    }
}

impl Writers {
    pub(crate) fn start(db: &Db, writers: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..writers {
            let (db, stop) = (db.clone(), Arc::clone(&stop));
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let walker = WALKERS[fastrand::usize(..WALKERS.len())];
                    step(&db, walker).await.expect("it commits");
                    // the load, not a wait
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
        Self { tasks, stop }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a writer does not panic");
        }
    }
}
