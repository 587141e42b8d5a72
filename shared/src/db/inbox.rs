//! What was handled: the reason why an event that comes twice has its effects once.

use std::time::Duration;

use super::Db;
use super::executor::{Access, Executor};
use super::outbox::count;
use crate::entity::EntityValue;
use crate::error::Result;
use crate::event::Metadata;

/// Notes an event as handled by a subscription. `false` when it was already: then the handler must not run.
///
/// Written in the handler's transaction, so the note and the handler's effects are there together or not at
/// all. A second process that handles the same event waits here for the first one's commit.
pub(crate) async fn insert(executor: &Executor, subscription: &str, metadata: &Metadata) -> Result<bool> {
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    metadata.identity().into_owned().bind(&mut args);
    crate::time::now().bind(&mut args);
    metadata.time.bind(&mut args);
    let sql = "INSERT INTO shared_inbox (subscription, event_id, handled_at, event_time, duplicates) \
         VALUES ($1, $2, $3, $4, 0) ON CONFLICT (subscription, event_id) DO NOTHING";
    Ok(executor.execute(sql, args, None).await? == 1)
}

/// Whether a subscription has handled an event.
pub(crate) async fn contains(executor: &Executor, subscription: &str, metadata: &Metadata) -> Result<bool> {
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    metadata.identity().into_owned().bind(&mut args);
    let sql = "SELECT 1 FROM shared_inbox WHERE subscription = $1 AND event_id = $2";
    Ok(executor.fetch_optional(Access::Read, sql, args, None).await?.is_some())
}

/// Counts a delivery that was suppressed.
pub(crate) async fn count_duplicate(executor: &Executor, subscription: &str, metadata: &Metadata) -> Result<()> {
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    metadata.identity().into_owned().bind(&mut args);
    let sql = "UPDATE shared_inbox SET duplicates = duplicates + 1 WHERE subscription = $1 AND event_id = $2";
    executor.execute(sql, args, None).await?;
    Ok(())
}

/// Lets a subscription handle an event again: for the replay of a dead letter.
pub(crate) async fn forget(executor: &Executor, subscription: &str, metadata: &Metadata) -> Result<()> {
    let mut args = executor.args();
    subscription.to_owned().bind(&mut args);
    metadata.identity().into_owned().bind(&mut args);
    executor.execute("DELETE FROM shared_inbox WHERE subscription = $1 AND event_id = $2", args, None).await?;
    Ok(())
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

    /// How many events all subscriptions have handled (or parked).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn handled(&self) -> Result<u64> {
        let executor = self.db.executor();
        let row =
            executor.fetch_optional(Access::Read, "SELECT count(*) FROM shared_inbox", executor.args(), None).await?;
        count(row.as_ref(), 0)
    }

    /// How many deliveries were suppressed because the event had been handled before.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn duplicates_suppressed(&self) -> Result<u64> {
        let executor = self.db.executor();
        // the cast: Postgres' sum of bigints is a numeric
        let sql = "SELECT CAST(coalesce(sum(duplicates), 0) AS bigint) FROM shared_inbox";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        count(row.as_ref(), 0)
    }

    /// How long events took from being made to being handled, shortest first.
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

    /// Between which times events were handled; `None` when none was.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn span(&self) -> Result<Option<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)>> {
        let executor = self.db.executor();
        let sql = "SELECT min(event_time), max(handled_at) FROM shared_inbox";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        let Some(row) = row else { return Ok(None) };
        let first: Option<chrono::DateTime<chrono::Utc>> = EntityValue::read(&row, 0)?;
        let last: Option<chrono::DateTime<chrono::Utc>> = EntityValue::read(&row, 1)?;
        Ok(first.zip(last))
    }
}

fn read_time(row: &super::Row, index: usize) -> Result<chrono::DateTime<chrono::Utc>> {
    EntityValue::read(row, index)
}
