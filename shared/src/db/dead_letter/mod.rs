//! What could not be handled: kept with its reason until somebody looks.

mod filter;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use self::filter::LetterFilter;
use super::Db;
use super::dialect::{Args, Row, SqlText};
use super::executor::{Access, Executor};
use super::outbox::count;
use crate::entity::EntityValue;
use crate::error::{Error, Result};
use crate::event::{Delivered, Headers, Metadata};

/// A message that a subscription could not handle.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its own id.
    pub id: Uuid,
    /// The subscription that parked it.
    pub subscription: String,
    /// The event's id.
    pub event_id: String,
    /// The event type's name; empty when the message says none.
    pub event_type: String,
    /// The subject it came on.
    pub subject: String,
    /// Why: an error kind or a decode code, a short stable word.
    pub reason: String,
    /// The error's report: no values.
    pub report: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was parked.
    pub parked_at: DateTime<Utc>,
    /// When it was replayed, if it was.
    pub replayed_at: Option<DateTime<Utc>>,
    headers: Headers,
    payload: Vec<u8>,
}

impl DeadLetter {
    /// The payload as it came. It may contain protected values.
    #[must_use]
    pub fn expose_payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn message(&self) -> Delivered {
        Delivered {
            subject: self.subject.clone(),
            headers: self.headers.clone(),
            payload: self.payload.clone().into(),
            origin: self.event_id.clone(),
        }
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("id", &self.id)
            .field("subscription", &self.subscription)
            .field("event_id", &self.event_id)
            .field("event_type", &self.event_type)
            .field("subject", &self.subject)
            .field("reason", &self.reason)
            .field("report", &self.report)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// Parks a message. Written in one transaction with the inbox row, which has the id `inbox_id`, before the last ack.
pub(crate) async fn insert(
    executor: &Executor,
    subscription: &str,
    inbox_id: &str,
    message: &Delivered,
    metadata: &Metadata,
    error: &Error,
) -> Result<()> {
    let mut args = executor.args();
    crate::id::new().bind(&mut args);
    subscription.to_owned().bind(&mut args);
    metadata.event_id.bind(&mut args);
    strip_nul(&metadata.event_type).bind(&mut args);
    strip_nul(&message.subject).bind(&mut args);
    message.headers.to_json().bind(&mut args);
    message.payload.to_vec().bind(&mut args);
    reason(error).to_owned().bind(&mut args);
    strip_nul(&crate::error::report_text(error)).bind(&mut args);
    i32::try_from(metadata.attempt).unwrap_or(i32::MAX).bind(&mut args);
    crate::time::now().bind(&mut args);
    inbox_id.to_owned().bind(&mut args);
    let sql = "INSERT INTO shared_dead_letters \
         (id, subscription, event_id, event_type, subject, headers, payload, reason, report, attempts, parked_at, inbox_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    executor.execute(sql, args, None).await?;
    Ok(())
}

/// Takes a letter for its replay: notes the time and lets its subscription handle the event again. Returns the id under
/// which the inbox knows the event; `None` when the letter does not wait any more.
pub(crate) async fn take(
    executor: &Executor,
    id: Uuid,
    subscription: &str,
    metadata: &Metadata,
) -> Result<Option<String>> {
    let mut args = executor.args();
    id.bind(&mut args);
    crate::time::now().bind(&mut args);
    let sql =
        "UPDATE shared_dead_letters SET replayed_at = $2 WHERE id = $1 AND replayed_at IS NULL RETURNING inbox_id";
    let Some(row) = executor.fetch_optional(Access::Write, sql, args, None).await? else { return Ok(None) };
    let noted: Option<String> = row.get(0)?;
    let inbox_id = noted.unwrap_or_else(|| super::inbox::id_of(metadata));
    super::inbox::forget(executor, subscription, &inbox_id).await?;
    Ok(Some(inbox_id))
}

/// Deletes letters that were replayed longer ago than `age`, a small batch; returns how many.
pub(crate) async fn prune_replayed(db: &Db, age: Duration) -> Result<u64> {
    let sql = "DELETE FROM shared_dead_letters WHERE id IN \
         (SELECT id FROM shared_dead_letters WHERE replayed_at < $1 LIMIT 1000)";
    prune(db, sql, age).await
}

/// Deletes letters that have waited longer than `age`, a small batch; returns how many.
pub(crate) async fn prune_waiting(db: &Db, age: Duration) -> Result<u64> {
    let sql = "DELETE FROM shared_dead_letters WHERE replayed_at IS NULL AND id IN \
         (SELECT id FROM shared_dead_letters WHERE replayed_at IS NULL AND parked_at < $1 ORDER BY parked_at LIMIT 1000)";
    prune(db, sql, age).await
}

async fn prune(db: &Db, sql: &'static str, age: Duration) -> Result<u64> {
    let age = chrono::TimeDelta::from_std(age).unwrap_or(chrono::TimeDelta::MAX);
    let Some(before) = crate::time::now().checked_sub_signed(age) else { return Ok(0) };
    let executor = db.executor();
    let mut args = executor.args();
    before.bind(&mut args);
    executor.execute(sql, args, None).await
}

fn reason(error: &Error) -> &'static str {
    match error {
        Error::Decode(error) => error.code.as_str(),
        error => error.kind().as_str(),
    }
}

fn strip_nul(text: &str) -> String {
    text.replace('\0', "")
}

const COLUMNS: &str = "id, subscription, event_id, event_type, subject, reason, report, attempts, parked_at, replayed_at, \
     headers, payload";

/// The most letters that are read at once.
const PAGE: u32 = 100;

fn read(row: &Row) -> Result<DeadLetter> {
    let headers: String = row.required(10)?;
    Ok(DeadLetter {
        id: EntityValue::read(row, 0)?,
        subscription: row.required(1)?,
        event_id: row.required(2)?,
        event_type: row.required(3)?,
        subject: row.required(4)?,
        reason: row.required(5)?,
        report: row.required(6)?,
        attempts: row.required(7)?,
        parked_at: EntityValue::read(row, 8)?,
        replayed_at: EntityValue::read(row, 9)?,
        headers: Headers::from_json(&headers),
        payload: row.required(11)?,
    })
}

/// What could not be handled.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    db: Db,
}

impl DeadLetters {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// How many wait for somebody to look (replayed ones do not count).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count(&self) -> Result<u64> {
        self.count_of(&LetterFilter::all()).await
    }

    /// How many of these wait.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count_of(&self, filter: &LetterFilter) -> Result<u64> {
        let mut args = self.db.executor().args();
        let sql = format!("SELECT count(*) FROM shared_dead_letters WHERE {}", filter.conditions(&mut args));
        let row = self.db.executor().fetch_optional(Access::Read, SqlText::built(sql), args, None).await?;
        count(row.as_ref(), 0)
    }

    /// Those that wait, oldest first. All of them, in memory: where there may be many, take [pages](Self::page).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list(&self) -> Result<Vec<DeadLetter>> {
        let mut all: Vec<DeadLetter> = Vec::new();
        loop {
            let page = self.page(&LetterFilter::all(), all.last()).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Some of those that wait, oldest first, beginning after a letter; empty at the end.
    ///
    /// ```no_run
    /// # async fn example(db: shared::Db) -> shared::Result<()> {
    /// use shared::db::LetterFilter;
    ///
    /// let (letters, filter) = (db.dead_letters(), LetterFilter::all().reason("timeout"));
    /// let mut page = letters.page(&filter, None).await?;
    /// while let Some(last) = page.last() {
    ///     println!("{} letters", page.len());
    ///     page = letters.page(&filter, Some(last)).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of the database.
    pub async fn page(&self, filter: &LetterFilter, after: Option<&DeadLetter>) -> Result<Vec<DeadLetter>> {
        let filter = match after {
            Some(letter) => &filter.clone().after(letter.parked_at, letter.id),
            None => filter,
        };
        let mut args = self.db.executor().args();
        let conditions = filter.conditions(&mut args);
        self.select(&format!("{conditions} ORDER BY parked_at, id LIMIT {PAGE}"), args).await
    }

    /// The letter of this id, if it waits.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find(&self, id: Uuid) -> Result<Option<DeadLetter>> {
        let mut args = self.db.executor().args();
        id.bind(&mut args);
        Ok(self.select("replayed_at IS NULL AND id = $1", args).await?.pop())
    }

    /// Those that wait of one event of a subscription.
    pub(crate) async fn of_event(&self, subscription: &str, event_id: &str) -> Result<Vec<Uuid>> {
        let mut args = self.db.executor().args();
        subscription.to_owned().bind(&mut args);
        event_id.to_owned().bind(&mut args);
        let sql =
            "SELECT id FROM shared_dead_letters WHERE replayed_at IS NULL AND subscription = $1 AND event_id = $2";
        let rows = self.db.executor().fetch_all(Access::Read, sql, args, None).await?;
        rows.iter().map(|row| EntityValue::read(row, 0)).collect()
    }

    async fn select(&self, conditions: &str, args: Args) -> Result<Vec<DeadLetter>> {
        let sql = format!("SELECT {COLUMNS} FROM shared_dead_letters WHERE {conditions}");
        let rows = self.db.executor().fetch_all(Access::Read, SqlText::built(sql), args, None).await?;
        rows.iter().map(read).collect()
    }

    /// Deletes a letter for good; `false` when there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn purge(&self, id: Uuid) -> Result<bool> {
        let executor = self.db.executor();
        let mut args = executor.args();
        id.bind(&mut args);
        Ok(executor.execute("DELETE FROM shared_dead_letters WHERE id = $1", args, None).await? == 1)
    }

    /// Deletes all of these for good, a small batch at a time; returns how many.
    ///
    /// # Errors
    /// Those of the database; some may have been deleted by then.
    pub async fn purge_all(&self, filter: &LetterFilter) -> Result<u64> {
        let mut purged = 0;
        loop {
            let executor = self.db.executor();
            let mut args = executor.args();
            let conditions = filter.conditions(&mut args);
            let sql = format!(
                "DELETE FROM shared_dead_letters WHERE id IN \
                 (SELECT id FROM shared_dead_letters WHERE {conditions} LIMIT 1000)"
            );
            let rows = executor.execute(SqlText::built(sql), args, None).await?;
            purged += rows;
            if rows == 0 {
                return Ok(purged);
            }
        }
    }
}
