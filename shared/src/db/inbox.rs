//! What was handled: the reason why an event that comes twice has its effects once.

mod many;

use std::time::Duration;

use chrono::{DateTime, Utc};

pub(crate) use self::many::insert_all;
use super::Db;
use super::dialect::{Engine, SqlText};
use super::executor::{Access, Executor};
use super::outbox::count;
use crate::entity::EntityValue;
use crate::error::Result;
use crate::event::Metadata;

/// The id under which a subscription notes an event.
pub(crate) fn id_of(metadata: &Metadata) -> String {
    metadata.identity().into_owned()
}

/// The id for an event whose own id belongs to another one. No other id has two blanks: neither an event's id nor a
/// source, as it is noted, has any.
pub(crate) fn id_apart(metadata: &Metadata) -> String {
    let fingerprint = metadata.fingerprint.map_or_else(String::new, |fingerprint| fingerprint.to_string());
    format!("{}  {fingerprint}", metadata.identity())
}

/// Notes an event as handled by a subscription. `false` when it was already: then the handler must not run.
///
/// Written in the handler's transaction, so the note and the handler's effects are there together or not at
/// all. A second process that handles the same event waits here for the first one's commit.
pub(crate) async fn insert(executor: &Executor, subscription: &str, id: &str, metadata: &Metadata) -> Result<bool> {
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    id.to_owned().bind(&mut args);
    crate::time::now().bind(&mut args);
    metadata.time.bind(&mut args);
    metadata.fingerprint.map(|fingerprint| fingerprint.as_bytes().to_vec()).bind(&mut args);
    let sql = "INSERT INTO shared_inbox (subscription, event_id, handled_at, event_time, duplicates, fingerprint) \
         VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (subscription, event_id) DO NOTHING";
    Ok(executor.execute(sql, args, None).await? == 1)
}

/// Whether a subscription has handled an event.
pub(crate) async fn contains(executor: &Executor, subscription: &str, metadata: &Metadata) -> Result<bool> {
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    id_of(metadata).bind(&mut args);
    let sql = "SELECT 1 FROM shared_inbox WHERE subscription = $1 AND event_id = $2";
    Ok(executor.fetch_optional(Access::Read, sql, args, None).await?.is_some())
}

/// What a delivery of a known id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeated {
    /// The same event once more: suppressed and counted.
    Same,
    /// Another event under the id of the one that was handled.
    Other,
    /// The note is not there any more.
    Gone,
}

/// Counts a delivery that was suppressed, if it is the event that was handled.
pub(crate) async fn repeated(
    executor: &Executor,
    subscription: &str,
    id: &str,
    metadata: &Metadata,
) -> Result<Repeated> {
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    id.to_owned().bind(&mut args);
    metadata.fingerprint.map(|fingerprint| fingerprint.as_bytes().to_vec()).bind(&mut args);
    // a note of before there were fingerprints knows no other
    let sql = "UPDATE shared_inbox SET duplicates = duplicates + 1 WHERE subscription = $1 AND event_id = $2 \
         AND (fingerprint IS NULL OR fingerprint = $3)";
    if executor.execute(sql, args, None).await? == 1 {
        return Ok(Repeated::Same);
    }
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    id.to_owned().bind(&mut args);
    let sql = "SELECT 1 FROM shared_inbox WHERE subscription = $1 AND event_id = $2";
    let there = executor.fetch_optional(Access::Read, sql, args, None).await?;
    Ok(if there.is_some() { Repeated::Other } else { Repeated::Gone })
}

/// Counts an event that was refused for having the id of another one.
pub(crate) async fn count_reused_id(executor: &Executor, subscription: &str) -> Result<()> {
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    let sql = "INSERT INTO shared_inbox_totals (subscription, handled, duplicates, ids_reused) VALUES ($1, 0, 0, 1) \
         ON CONFLICT (subscription) DO UPDATE SET ids_reused = shared_inbox_totals.ids_reused + 1";
    executor.execute(sql, args, None).await?;
    Ok(())
}

/// Lets a subscription handle an event again: for the replay of a dead letter.
pub(crate) async fn forget(executor: &Executor, subscription: &str, id: &str) -> Result<()> {
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    id.to_owned().bind(&mut args);
    executor.execute("DELETE FROM shared_inbox WHERE subscription = $1 AND event_id = $2", args, None).await?;
    Ok(())
}

/// Notes older than `$1` of events that the outbox does not have any more: as long as it has one, it may publish it
/// again, however old it is.
macro_rules! forgettable {
    ($id:literal) => {
        concat!(
            "SELECT subscription, event_id FROM shared_inbox WHERE handled_at < $1 AND NOT EXISTS \
             (SELECT 1 FROM shared_outbox WHERE shared_outbox.event_id = ",
            $id,
            ") ORDER BY handled_at, subscription, event_id LIMIT 1000"
        )
    };
}

const SUM: &str = "ON CONFLICT (subscription) DO UPDATE SET handled = shared_inbox_totals.handled + excluded.handled, \
     duplicates = shared_inbox_totals.duplicates + excluded.duplicates";

/// Deletes notes older than `age`, a small batch; returns how many. What they counted is kept in the totals.
pub(crate) async fn prune(db: &Db, age: Duration) -> Result<u64> {
    let age = chrono::TimeDelta::from_std(age).unwrap_or(chrono::TimeDelta::MAX);
    let Some(before) = crate::time::now().checked_sub_signed(age) else { return Ok(0) };
    match db.engine() {
        Engine::Postgres => prune_on_postgres(db, before).await,
        Engine::Sqlite => prune_on_sqlite(db, before).await,
    }
}

async fn prune_on_postgres(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    const OLD: &str = forgettable!(
        "(CASE WHEN shared_inbox.event_id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' \
         THEN shared_inbox.event_id::uuid END)"
    );
    let sql = format!(
        "WITH old AS ({OLD}), gone AS (DELETE FROM shared_inbox USING old WHERE shared_inbox.subscription = old.subscription \
         AND shared_inbox.event_id = old.event_id RETURNING shared_inbox.subscription, shared_inbox.duplicates), \
         kept AS (INSERT INTO shared_inbox_totals (subscription, handled, duplicates, ids_reused) \
         SELECT subscription, count(*), sum(duplicates)::bigint, 0 FROM gone GROUP BY subscription ORDER BY subscription {SUM}) \
         SELECT count(*) FROM gone"
    );
    let executor = db.executor();
    let mut args = executor.args();
    before.bind(&mut args);
    let row = executor.fetch_optional(Access::Write, SqlText::built(sql), args, None).await?;
    count(row.as_ref(), 0)
}

/// SQLite has no DELETE inside of another statement, and one writer: nothing changes between the two.
async fn prune_on_sqlite(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    const OLD: &str = forgettable!("unhex(replace(shared_inbox.event_id, '-', ''))");
    db.transaction(async |tx| {
        let executor = tx.executor();
        let mut args = executor.args();
        before.bind(&mut args);
        // without WHERE the parser would take ON for that of a join
        let sql = format!(
            "INSERT INTO shared_inbox_totals (subscription, handled, duplicates, ids_reused) \
             SELECT subscription, count(*), sum(duplicates), 0 FROM shared_inbox \
             WHERE (subscription, event_id) IN ({OLD}) GROUP BY subscription {SUM}"
        );
        executor.execute(SqlText::built(sql), args, None).await?;
        let mut args = executor.args();
        before.bind(&mut args);
        let sql = format!("DELETE FROM shared_inbox WHERE (subscription, event_id) IN ({OLD})");
        executor.execute(SqlText::built(sql), args, None).await
    })
    .await
}

/// What was handled, by subscription and event id.
#[derive(Debug, Clone)]
pub struct Inbox {
    db: Db,
}

impl Inbox {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// How many events all subscriptions have ever handled (or parked), those that are forgotten included.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn handled(&self) -> Result<u64> {
        let executor = self.db.executor();
        let sql = "SELECT (SELECT count(*) FROM shared_inbox) + \
             (SELECT CAST(coalesce(sum(handled), 0) AS bigint) FROM shared_inbox_totals)";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        count(row.as_ref(), 0)
    }

    /// How many deliveries were suppressed because the event had been handled before.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn duplicates_suppressed(&self) -> Result<u64> {
        let executor = self.db.executor();
        // the cast: Postgres' sum of bigints is a numeric
        let sql = "SELECT (SELECT CAST(coalesce(sum(duplicates), 0) AS bigint) FROM shared_inbox) + \
             (SELECT CAST(coalesce(sum(duplicates), 0) AS bigint) FROM shared_inbox_totals)";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        count(row.as_ref(), 0)
    }

    /// How many events were refused because another one with their id had been handled.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ids_reused(&self) -> Result<u64> {
        let executor = self.db.executor();
        let sql = "SELECT CAST(coalesce(sum(ids_reused), 0) AS bigint) FROM shared_inbox_totals";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        count(row.as_ref(), 0)
    }

    /// How many events are remembered: those of the last `INBOX_RETENTION`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remembered(&self) -> Result<u64> {
        let executor = self.db.executor();
        let row =
            executor.fetch_optional(Access::Read, "SELECT count(*) FROM shared_inbox", executor.args(), None).await?;
        count(row.as_ref(), 0)
    }

    /// How long the remembered events took from being made to being handled, shortest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn latencies(&self) -> Result<Vec<Duration>> {
        let executor = self.db.executor();
        let sql = "SELECT event_time, handled_at FROM shared_inbox WHERE event_time IS NOT NULL";
        let rows = executor.fetch_all(Access::Read, sql, executor.args(), None).await?;
        let mut latencies = rows
            .iter()
            .map(|row| {
                let (made, handled) = (read_time(row, 0)?, read_time(row, 1)?);
                Ok((handled - made).to_std().unwrap_or_default())
            })
            .collect::<Result<Vec<Duration>>>()?;
        latencies.sort_unstable();
        Ok(latencies)
    }

    /// Between which times the remembered events were handled; `None` when none was.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn span(&self) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
        let executor = self.db.executor();
        let sql = "SELECT min(event_time), max(handled_at) FROM shared_inbox";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        let Some(row) = row else { return Ok(None) };
        let first: Option<DateTime<Utc>> = EntityValue::read(&row, 0)?;
        let last: Option<DateTime<Utc>> = EntityValue::read(&row, 1)?;
        Ok(first.zip(last))
    }
}

fn read_time(row: &super::Row, index: usize) -> Result<DateTime<Utc>> {
    EntityValue::read(row, index)
}
