//! The servers, the links, and the services, each of which can fail.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use tests::history::Figures;
use tests::{Nats, Postgres, Proxy, Scratch, Signal, eventually};

use crate::child::Child;
use crate::ledger::{Effect, Entry};
use crate::place::{BOTH, LONG, Place, at_least};
use crate::stuck::describe;

/// What runs: two replicas of everything, and of the first part one more.
const CHILDREN: [&str; 4] = [BOTH, "ledger", BOTH, "office"];

/// What the relay says when it publishes again what the broker has lost.
const REPLAYED: &str = "events that it lost are published again";

pub(crate) struct Scene {
    pub(crate) place: Place,
    pub(crate) postgres: Postgres,
    pub(crate) nats: Nats,
    pub(crate) to_nats: Proxy,
    pub(crate) to_postgres: Proxy,
    children: Vec<Child>,
    /// How often the ones that are gone have published again.
    replays: usize,
}

impl Scene {
    pub(crate) async fn open() -> Self {
        let (postgres, nats) = (Postgres::start().await, Nats::start().await);
        let place = Place::on(&postgres, &nats).await;
        let (to_nats, to_postgres) = (Proxy::start(nats.address()).await, Proxy::start(postgres.address()).await);
        let mut scene = Self { place, postgres, nats, to_nats, to_postgres, children: Vec::new(), replays: 0 };
        for services in CHILDREN {
            let child = scene.child(services);
            child.says("ready").await;
            scene.children.push(child);
        }
        scene
    }

    fn child(&self, services: &str) -> Child {
        let launch = self
            .place
            .child(services)
            .env("NATS_URL", self.to_nats.url(&self.nats.url()))
            .env("DATABASE_URL", self.to_postgres.url(self.place.database()))
            .env("DATABASE_STATEMENT_TIMEOUT", "5s")
            .env("DATABASE_ACQUIRE_TIMEOUT", "5s")
            .env("SHUTDOWN_TIMEOUT", "5s")
            .env("RUST_LOG", std::env::var("FAULTS_LOG").unwrap_or_else(|_| "warn".to_owned()));
        Child::start(launch)
    }

    pub(crate) fn children(&self) -> usize {
        self.children.len()
    }

    pub(crate) fn one(&self, number: usize) -> &Child {
        &self.children[number]
    }

    /// Puts another process in the place of one that has ended.
    pub(crate) async fn replace(&mut self, number: usize) {
        let new = self.child(CHILDREN[number]);
        let old = std::mem::replace(&mut self.children[number], new);
        self.replays += old.log().matches(REPLAYED).count();
        self.children[number].says("ready").await;
    }

    /// Brings the broker back to what it had before it took the events of that long.
    pub(crate) async fn roll_back(&mut self, span: Duration) {
        let copied = Scratch::new("store");
        self.nats.kill();
        copy(&self.nats.store(), copied.path());
        self.nats.restart().await;
        self.takes_again().await;
        tokio::time::sleep(span).await;
        self.nats.kill();
        fs::remove_dir_all(self.nats.store()).expect("the store can be removed");
        copy(copied.path(), &self.nats.store());
        self.nats.restart().await;
    }

    /// Waits until the broker has taken something since its start, if it does: otherwise it has nothing to lose.
    async fn takes_again(&self) {
        let Ok(client) = async_nats::connect(self.nats.url()).await else { return };
        let server = jetstream::new(client);
        let last = async || Some(server.get_stream("ENTRY").await.ok()?.cached_info().state.last_sequence);
        let (before, since) = (last().await, Instant::now());
        while last().await <= before && since.elapsed() < LONG / 6 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until each service that died of a fault has been replaced, then until all is handled.
    pub(crate) async fn judged(&mut self) -> Figures {
        self.revive().await;
        self.caught_up().await;
        self.place.holds().await
    }

    /// Waits until the handlers have done about as much as there is to do, as long as they go on.
    async fn caught_up(&self) {
        let effects = async || self.place.db.repo::<Effect>().count().await;
        loop {
            let good = self.place.db.repo::<Entry>().query().filter(Entry::BAD.eq(false)).count();
            let wanted = 3 * good.await.expect("they can be counted");
            let done = effects().await.expect("they can be counted");
            if done >= wanted {
                return;
            }
            println!("          {done} of {wanted} handled");
            let (since, mut said) = (Instant::now(), false);
            let goes_on = |now| at_least(now, wanted.min(done + 1_000));
            while let Err(seen) = goes_on(effects().await.expect("they can be counted")) {
                if !said && since.elapsed() > LONG / 3 {
                    said = true;
                    describe(self).await;
                }
                assert!(since.elapsed() < LONG, "nothing goes on: {seen}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    /// A service that gives up is started again by whatever runs it.
    pub(crate) async fn revive(&mut self) {
        for number in 0..self.children.len() {
            if self.children[number].status().is_some() {
                self.replace(number).await;
            }
        }
    }

    pub(crate) fn replays(&self) -> usize {
        let logs = self.children.iter().map(|child| child.log().matches(REPLAYED).count());
        self.replays + logs.sum::<usize>()
    }

    pub(crate) async fn end(self) {
        for child in self.children {
            child.signal(Signal::Term);
            let status = eventually(LONG, async || child.status().ok_or("it still runs")).await;
            assert!(status.success(), "{status}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("the directory is there") {
        let entry = entry.expect("it can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}
