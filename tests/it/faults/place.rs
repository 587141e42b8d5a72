//! Where faults happen: a database and a bus, the children that use them, and what became of it all.

use std::env;
use std::time::Duration;

use shared::db::{DbOptions, Engine};
use shared::prelude::*;
use tests::history::{self, Figures, History};
use tests::{Launch, Nats, Postgres, Process, Scratch, eventually};

use crate::child::{Child, NAME, RECORD, SERVICES, WRITERS};
use crate::ledger::{self, FOLLOWERS, SUBSCRIBERS, Wanted};
use crate::writers::{Record, Writers};

/// For conditions that hold within seconds, on a machine that has other things to do.
pub(crate) const LONG: Duration = Duration::from_secs(180);

/// Both services in one process.
pub(crate) const BOTH: &str = "ledger,office";

/// A database and a bus, without faults between them and this process.
pub(crate) struct Place {
    pub(crate) db: Db,
    pub(crate) record: Record,
    database: String,
    bus: Option<String>,
    files: Scratch,
}

impl Place {
    /// On servers, with a database of its own.
    pub(crate) async fn on(postgres: &Postgres, nats: &Nats) -> Self {
        Self::at(postgres.database().await, Some(nats.url()), Scratch::new("faults")).await
    }

    /// In one process: a SQLite file and the in-process bus.
    pub(crate) async fn embedded() -> Self {
        let files = Scratch::new("faults");
        let database = format!("sqlite://{}", files.join("faults.db").display());
        Self::at(database, None, files).await
    }

    async fn at(database: String, bus: Option<String>, files: Scratch) -> Self {
        let options = DbOptions::new(&database).acquire_timeout(Duration::from_secs(10));
        let db = options.statement_timeout(Duration::from_secs(5)).connect().await.expect("the database is there");
        let db = db.with_source("writers");
        ledger::prepare(&db).await.expect("the tables are made");
        Self { db, record: Record::new(files.join("record")), database, bus, files }
    }

    /// The URL of the database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// A child with these services, about to be started.
    pub(crate) fn child(&self, services: &str) -> Launch {
        let launch = child_of_this_binary()
            .env(SERVICES, services)
            .env("DATABASE_URL", &self.database)
            // what a dead process held comes again after that time
            .env("NATS_ACK_WAIT", "2s")
            .env("RUST_LOG", env::var("FAULTS_LOG").unwrap_or_else(|_| "info".to_owned()))
            .directory(self.files.path());
        match &self.bus {
            Some(url) => launch.env("NATS_URL", url),
            None => launch.env_remove("NATS_URL"),
        }
    }

    /// The same, writing as well.
    pub(crate) fn writing_child(&self, services: &str, writers: usize) -> Launch {
        self.child(services).env(WRITERS, writers.to_string()).env(RECORD, self.record.path()).env(NAME, name())
    }

    /// A child with both services that runs.
    pub(crate) async fn serve(&self) -> Child {
        Child::ready(self.child(BOTH)).await
    }

    /// Writers in this process.
    pub(crate) fn writers(&self, writers: usize) -> Writers {
        self.writers_at(writers, Duration::from_millis(20))
    }

    /// Writers in this process, each of which rests that long after a transaction.
    pub(crate) fn writers_at(&self, writers: usize, pause: Duration) -> Writers {
        Writers::start(&self.db, &self.record, &name(), writers, pause)
    }

    /// Makes so many entries, one after another, and returns their names.
    pub(crate) async fn make(&self, entries: usize) -> Vec<String> {
        self.make_large(entries, 0).await
    }

    /// Makes so many entries whose events are that many bytes larger than they must be.
    pub(crate) async fn make_large(&self, entries: usize, padding: usize) -> Vec<String> {
        let name = name();
        let mut names = Vec::new();
        for number in 0..entries {
            let (name, book) = (format!("{name}-{number}"), ledger::BOOKS[number % ledger::BOOKS.len()]);
            names.push(name.clone());
            let entry = Wanted { name, book, bad: false, padding };
            self.record.make(&self.db, &[entry], true).await.expect("it commits");
        }
        names
    }

    /// Waits until at least so many entries more than now were committed, as far as their writers know.
    pub(crate) async fn written(&self, more: usize) {
        let before = self.record.committed();
        eventually(LONG, async || at_least(self.record.committed(), before + more)).await;
    }

    /// Waits until so many more effects than now are there.
    pub(crate) async fn handled(&self, more: u64) {
        let count = async || self.db.repo::<ledger::Effect>().count().await;
        let before = eventually(LONG, count).await;
        eventually(LONG, async || match count().await {
            Ok(now) => at_least(now, before + more),
            Err(error) => Err(error.to_string()),
        })
        .await;
    }

    /// Waits until all is handled that was committed.
    ///
    /// # Panics
    /// When something is wrong that will not get better, or does not in time.
    pub(crate) async fn holds(&self) -> Figures {
        let judged = eventually(LONG, async || {
            let history = self.history().await.map_err(|error| error.report().to_string())?;
            match history.check() {
                Ok(figures) => Ok(Ok(figures)),
                Err(found) if found.iter().all(history::Violation::may_pass) => Err(listed(&found)),
                Err(found) => Ok(Err(found)),
            }
        })
        .await;
        judged.unwrap_or_else(|found| panic!("{}", listed(&found)))
    }

    /// Waits until all is handled, then ends the children: they end well, and leave nothing.
    pub(crate) async fn holds_and_ends(&self, children: impl IntoIterator<Item = Child>) -> Figures {
        let figures = self.holds().await;
        for child in children {
            child.signal(tests::Signal::Term);
            let status = child.ended(LONG).await;
            assert!(status.success(), "{status}");
        }
        assert_eq!(self.holds().await, figures);
        figures
    }

    /// How many deliveries were suppressed since their event had been handled.
    pub(crate) async fn suppressed(&self) -> u64 {
        eventually(LONG, async || self.db.inbox().duplicates_suppressed().await).await
    }

    pub(crate) async fn history(&self) -> Result<History> {
        let db = &self.db;
        // Each is read before what must have been there before it: effects, then entries, then what writers noted.
        let effects = db.repo::<ledger::Effect>().query().unlimited().all().await?;
        let letters = db.dead_letters().list().await?;
        let entries = db.repo::<ledger::Entry>().query().unlimited().all().await?;
        let letters = letters.iter().map(|letter| history::Letter {
            subscriber: letter.subscription.split_once('_').map_or("?", |(_, handler)| handler).to_owned(),
            name: serde_json::from_slice::<ledger::EntryPosted>(letter.expose_payload())
                .map_or_else(|_| format!("{letter:?}"), |event| event.name),
        });
        Ok(History {
            subscribers: SUBSCRIBERS.map(str::to_owned).into(),
            followers: FOLLOWERS.map(str::to_owned).into(),
            writes: self.record.writes(),
            entries: entries.into_iter().map(entry).collect(),
            letters: letters.collect(),
            effects: effects.into_iter().map(effect).collect(),
            pending: db.outbox().pending().await?,
            open_transactions: open_transactions(db).await?,
        })
    }
}

fn entry(row: ledger::Entry) -> history::Entry {
    history::Entry { name: row.name, book: row.book, place: row.place, bad: row.bad }
}

fn effect(row: ledger::Effect) -> history::Effect {
    let ledger::Effect { subscriber, name, book, place, turn, .. } = row;
    history::Effect { subscriber, name, book, place, turn }
}

/// Connections that are inside of a transaction and do nothing, as the server sees them.
async fn open_transactions(db: &Db) -> Result<u64> {
    if db.engine() == Engine::Sqlite {
        // a second one would not be begun
        return db.transaction(async |_tx| Ok(0)).await;
    }
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'";
    let pool = db.postgres().expect("it is Postgres");
    let open: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
    Ok(open.unsigned_abs())
}

fn listed(found: &[history::Violation]) -> String {
    let mut text = format!("{} violations", found.len());
    for violation in found.iter().take(20) {
        text += &format!("\n  {violation}");
    }
    text
}

pub(crate) fn at_least<T: PartialOrd + std::fmt::Debug>(is: T, wanted: T) -> Result<(), String> {
    if is >= wanted { Ok(()) } else { Err(format!("{is:?} of {wanted:?}")) }
}

/// What the entries of one writer begin with.
fn name() -> String {
    format!("{:08x}", fastrand::u32(..))
}

/// This binary once more, as a child.
fn child_of_this_binary() -> Launch {
    Process::command(env::current_exe().expect("the path of this binary")).args(crate::CHILD)
}
