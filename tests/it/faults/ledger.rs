//! What the services of this suite do: entries are made in books, posted, audited and reported.

use std::time::Duration;

use shared::entity::EntityDef;
use shared::prelude::*;

/// The subscribers of entries, and those of what the first ones publish.
pub(crate) const SUBSCRIBERS: [&str; 2] = ["post", "audit"];
pub(crate) const FOLLOWERS: [&str; 1] = ["report"];

pub(crate) const BOOKS: [&str; 6] = ["asia", "europe", "north", "ocean", "polar", "south"];

/// Counts the entries of a book under the lock of its row: their places are the order of their commits.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "books")]
pub(crate) struct Book {
    #[entity(id)]
    pub(crate) id: Uuid,
    #[entity(unique)]
    pub(crate) name: String,
    pub(crate) places: i64,
}

/// An entry. Nothing is unique, so that one that was written twice shows.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "entries")]
pub(crate) struct Entry {
    #[entity(id)]
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) book: String,
    pub(crate) place: i64,
    pub(crate) bad: bool,
}

/// Counts what a subscriber has done in a book, in the same way.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "turns", unique(subscriber, book))]
pub(crate) struct Turn {
    #[entity(id)]
    pub(crate) id: Uuid,
    pub(crate) subscriber: String,
    pub(crate) book: String,
    pub(crate) turns: i64,
}

/// What a subscriber leaves. Nothing is unique, so that a handler that ran twice shows.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "effects")]
pub(crate) struct Effect {
    #[entity(id)]
    pub(crate) id: Uuid,
    pub(crate) subscriber: String,
    pub(crate) name: String,
    pub(crate) book: String,
    pub(crate) place: i64,
    pub(crate) turn: i64,
}

/// An entry was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "entry.made", key = book)]
pub(crate) struct EntryMade {
    pub(crate) name: String,
    pub(crate) book: String,
    pub(crate) place: i64,
    pub(crate) bad: bool,
    /// What makes it large.
    pub(crate) padding: Option<String>,
}

/// An entry was posted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "posting.done", key = book)]
pub(crate) struct EntryPosted {
    pub(crate) name: String,
    pub(crate) book: String,
    pub(crate) place: i64,
}

/// What goes wrong in the handlers of a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    /// How many of a hundred tries fail after they have written.
    pub(crate) failing: u8,
    /// The entry whose posting ends the process before its commit.
    pub(crate) dies_before: Option<String>,
    /// The entry whose posting ends the process right after its commit.
    pub(crate) dies_after: Option<String>,
    /// How long a posting takes at least, inside of its transaction.
    pub(crate) slow: Duration,
}

impl Trouble {
    async fn strike(&self, name: &str, tx: &Tx) -> Result<()> {
        if !self.slow.is_zero() {
            // the work itself
            tokio::time::sleep(self.slow).await;
        }
        if self.dies_before.as_deref() == Some(name) {
            std::process::abort();
        }
        if self.dies_after.as_deref() == Some(name) {
            tx.after_commit(|| std::process::abort());
        }
        if fastrand::u8(..100) < self.failing { Err(Error::other("bad luck")) } else { Ok(()) }
    }
}

async fn leave(tx: &Tx, subscriber: &str, name: &str, book: &str, place: i64) -> Result<()> {
    let turns = tx.repo::<Turn>();
    let of = Turn::SUBSCRIBER.eq(subscriber.to_owned()) & Turn::BOOK.eq(book.to_owned());
    let found = turns.query().filter(of).lock_for_update().first().await?;
    let row = found.ok_or(Error::NotFound { entity: "Turn" })?;
    let turn = row.turns + 1;
    turns.update(&row, TurnPatch::new().turns(turn)).await?;
    let (subscriber, name, book) = (subscriber.to_owned(), name.to_owned(), book.to_owned());
    tx.repo::<Effect>().create(NewEffect { subscriber, name, book, place, turn }).await?;
    Ok(())
}

#[subscribe("entry.made", retry(max = 8, backoff = "5ms..200ms"), concurrency = 8)]
async fn post(event: EntryMade, tx: &mut Tx, State(trouble): State<Trouble>) -> Result<EntryPosted> {
    leave(tx, "post", &event.name, &event.book, event.place).await?;
    if event.bad {
        return Err(Error::permanent("it is bad"));
    }
    trouble.strike(&event.name, tx).await?;
    Ok(EntryPosted { name: event.name, book: event.book, place: event.place })
}

#[subscribe("entry.made", retry(max = 8, backoff = "5ms..200ms"), concurrency = 8)]
async fn audit(event: EntryMade, tx: &mut Tx) -> Result<()> {
    leave(tx, "audit", &event.name, &event.book, event.place).await?;
    if event.bad { Err(Error::permanent("it is bad")) } else { Ok(()) }
}

#[subscribe("posting.done", retry(max = 8, backoff = "5ms..200ms"), concurrency = 8)]
async fn report(event: EntryPosted, tx: &mut Tx) -> Result<()> {
    leave(tx, "report", &event.name, &event.book, event.place).await
}

pub(crate) fn tables() -> [&'static EntityDef; 4] {
    entities![Book, Entry, Turn, Effect]
}

/// The service `ledger`, and the service `office` which follows it.
pub(crate) fn services(trouble: &Trouble) -> [Service; 2] {
    [
        Service::new("ledger").entities(tables()).subscribe(subscribers![post, audit]).state(trouble.clone()),
        Service::new("office").entities(tables()).subscribe(subscribers![report]),
    ]
}

/// Makes the tables, and the rows that count.
pub(crate) async fn prepare(db: &Db) -> Result<()> {
    db.create_tables(&tables()).await?;
    db.transaction(async |tx| {
        let name = |book: &str| NewBook { name: book.to_owned(), places: 0 };
        tx.repo::<Book>().create_many(BOOKS.map(name).into()).await?;
        for subscriber in SUBSCRIBERS.iter().chain(&FOLLOWERS) {
            let turn = |book: &str| NewTurn { subscriber: (*subscriber).to_owned(), book: book.to_owned(), turns: 0 };
            tx.repo::<Turn>().create_many(BOOKS.map(turn).into()).await?;
        }
        Ok(())
    })
    .await
}

/// An entry that somebody wants to make.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) book: &'static str,
    pub(crate) bad: bool,
    /// How much larger its event is than it must be, in bytes.
    pub(crate) padding: usize,
}

/// Makes entries, each with its event, in one transaction; `wanted` says whether it is committed.
pub(crate) async fn make(db: &Db, entries: &[Wanted], wanted: bool) -> Result<()> {
    db.transaction(async |tx| {
        for Wanted { name, book, bad, padding } in entries {
            let books = tx.repo::<Book>();
            let found = books.query().filter(Book::NAME.eq((*book).to_owned())).lock_for_update().first().await?;
            let row = found.ok_or(Error::NotFound { entity: "Book" })?;
            let place = row.places + 1;
            books.update(&row, BookPatch::new().places(place)).await?;
            let (name, book, bad) = (name.clone(), (*book).to_owned(), *bad);
            tx.repo::<Entry>().create(NewEntry { name: name.clone(), book: book.clone(), place, bad }).await?;
            let padding = (*padding > 0).then(|| "x".repeat(*padding));
            tx.publish(EntryMade { name, book, place, bad, padding }).await?;
        }
        if wanted { Ok(()) } else { Err(Error::permanent(NOT_WANTED)) }
    })
    .await
}

/// Why a transaction was rolled back that should not be committed.
pub(crate) const NOT_WANTED: &str = "it should not be committed";
