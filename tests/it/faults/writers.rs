//! Who makes entries, and what they note about it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::prelude::*;
use tests::history::{Told, Write};
use tokio::task::JoinSet;

use crate::ledger::{BOOKS, NOT_WANTED, Wanted, make};

/// A file of notes, one line for each, which outlives whoever writes it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    path: PathBuf,
}

impl Record {
    pub(crate) fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// In one write, so that notes of several writers do not mix.
    fn note(&self, what: &str, names: &[String]) {
        let lines: String = names.iter().map(|name| format!("{what} {name}\n")).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).expect("the record can be opened");
        file.write_all(lines.as_bytes()).expect("the record can be written");
    }

    /// What the writers have noted so far.
    pub(crate) fn writes(&self) -> Vec<Write> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let mut writes: Vec<Write> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for line in text.lines() {
            let (what, name) = line.split_once(' ').expect("a note and a name");
            match what {
                "begun" => {
                    places.insert(name, writes.len());
                    writes.push(Write { name: name.to_owned(), told: Told::InDoubt });
                }
                "committed" => writes[places[name]].told = Told::Committed,
                "undone" => writes[places[name]].told = Told::RolledBack,
                other => panic!("a note that nobody writes: {other}"),
            }
        }
        writes
    }

    /// How many entries were committed, as far as their writers know.
    pub(crate) fn committed(&self) -> usize {
        self.writes().iter().filter(|write| write.told == Told::Committed).count()
    }

    /// Makes entries and notes what came of it.
    pub(crate) async fn make(&self, db: &Db, entries: &[Wanted], wanted: bool) -> Result<()> {
        let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
        self.note("begun", &names);
        let result = make(db, entries, wanted).await;
        match &result {
            Ok(()) => self.note("committed", &names),
            Err(Error::Other { source, .. }) if source.to_string() == NOT_WANTED => self.note("undone", &names),
            // whether it was committed, the database knows
            Err(_) => {}
        }
        result
    }
}

/// Tasks that make entries until they are stopped.
pub(crate) struct Writers {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
}

impl Writers {
    /// `name` is the beginning of the names of their entries, and must not be used twice.
    pub(crate) fn start(db: &Db, record: &Record, name: &str, writers: usize, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for writer in 0..writers {
            let (db, record, stop, name) = (db.clone(), record.clone(), Arc::clone(&stop), format!("{name}-{writer}"));
            tasks.spawn(async move {
                let mut transaction = 0;
                while !stop.load(Ordering::Relaxed) {
                    transaction += 1;
                    write(&db, &record, &format!("{name}-{transaction}")).await;
                    // the load, not a wait: what is written in a second is to be handled in a second
                    tokio::time::sleep(pause).await;
                }
            });
        }
        Self { tasks, stop }
    }

    /// Lets each finish its transaction.
    pub(crate) async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a writer does not panic");
        }
    }
}

/// One to three entries in one transaction. One transaction in eight is rolled back, and one entry in sixty is bad.
async fn write(db: &Db, record: &Record, name: &str) {
    let entries = 1 + usize::from(fastrand::u8(..4) == 0) + usize::from(fastrand::u8(..8) == 0);
    let mut books: Vec<&str> = (0..entries).map(|_| BOOKS[fastrand::usize(..BOOKS.len())]).collect();
    // locked in one order by all
    books.sort_unstable();
    let entries: Vec<Wanted> = (1..)
        .zip(books)
        .map(|(number, book)| Wanted {
            name: format!("{name}-{number}"),
            book,
            bad: fastrand::u8(..60) == 0,
            padding: 0,
        })
        .collect();
    let _noted = record.make(db, &entries, fastrand::u8(..8) > 0).await;
}
