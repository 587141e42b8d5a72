//! What could not be handled: kept with its reason until somebody looks.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Db;
use super::dialect::Row;
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

/// Parks a message. Written in one transaction with the inbox row, before the last ack.
pub(crate) async fn insert(
    executor: &Executor,
    subscription: &str,
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
    let sql = "INSERT INTO shared_dead_letters \
         (id, subscription, event_id, event_type, subject, headers, payload, reason, report, attempts, parked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    executor.execute(sql, args, None).await?;
    Ok(())
}

/// Takes a letter for its replay: notes the time and lets its subscription handle the event again. `false` when the
/// letter does not wait any more.
pub(crate) async fn take(executor: &Executor, id: Uuid, subscription: &str, metadata: &Metadata) -> Result<bool> {
    let mut args = executor.args();
    id.bind(&mut args);
    crate::time::now().bind(&mut args);
    let sql = "UPDATE shared_dead_letters SET replayed_at = $2 WHERE id = $1 AND replayed_at IS NULL";
    if executor.execute(sql, args, None).await? == 0 {
        return Ok(false);
    }
    super::inbox::forget(executor, subscription, metadata).await?;
    Ok(true)
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

const SELECT: &str = "SELECT id, subscription, event_id, event_type, subject, reason, report, attempts, parked_at, replayed_at, \
     headers, payload FROM shared_dead_letters WHERE replayed_at IS NULL ORDER BY parked_at, id";

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
        let executor = self.db.executor();
        let sql = "SELECT count(*) FROM shared_dead_letters WHERE replayed_at IS NULL";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        count(row.as_ref(), 0)
    }

    /// Those that wait, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list(&self) -> Result<Vec<DeadLetter>> {
        let executor = self.db.executor();
        let rows = executor.fetch_all(Access::Read, SELECT, executor.args(), None).await?;
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
}
