//! Events that were committed: stored beside the rows they speak of, published by the relay.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use super::dialect::{Args, Engine, Row, Sql, SqlText};
use super::executor::{Access, Executor};
use super::{Db, schedule};
use crate::entity::EntityValue;
use crate::error::Result;
use crate::event::{Headers, Outgoing, Shape, key_hash};

#[cfg(feature = "postgres")]
const COLUMNS: &str = "event_id, subject, event_type, event_key, headers, payload, created_at";

/// `$1…` of SQLite's multi-row insert stay below its limit of 32,766 parameters.
const SQLITE_ROWS: usize = 1_000;

const MARK: &str = "UPDATE shared_outbox SET published_at = $4, stream = done.stream, stream_seq = done.stream_seq \
     FROM UNNEST($1::bigint[], $2::text[], $3::bigint[]) AS done (seq, stream, stream_seq) \
     WHERE shared_outbox.seq = done.seq";

/// Who takes the lease waits for this to end, and who comes after that notes nothing.
const MARK_FENCED: &str = "WITH fence AS MATERIALIZED (SELECT 1 FROM shared_relay WHERE epoch = $5 FOR SHARE) \
     UPDATE shared_outbox SET published_at = $4, stream = done.stream, stream_seq = done.stream_seq \
     FROM UNNEST($1::bigint[], $2::text[], $3::bigint[]) AS done (seq, stream, stream_seq) \
     WHERE shared_outbox.seq = done.seq AND EXISTS (SELECT 1 FROM fence)";

/// Stores events, as the last statement before a commit.
///
/// On Postgres a lock per ordering key is taken first and held to the end of the transaction, so that
/// within one key a lower sequence number means an earlier commit. Taking the number first and the lock later
/// inverts neighbours.
pub(crate) async fn insert(executor: &Executor, events: &[Outgoing]) -> Result<()> {
    let keys = key_hashes(events);
    if executor.engine() != Engine::Postgres || keys.is_empty() {
        return insert_into(&OUTBOX, executor, events).await;
    }
    // In one statement: the numbers are taken as the rows come out of the join, which waits for all locks.
    let sql = "WITH locked AS MATERIALIZED (SELECT count(pg_advisory_xact_lock(k)::text) FROM UNNEST($8::bigint[]) AS k) \
         INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) \
         SELECT e.* FROM locked, \
         UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[]) AS e";
    let mut args = executor.args();
    bind_columns(&mut args, events);
    EntityValue::bind_array(keys.iter().map(Some), &mut args);
    executor.execute(sql, args, None).await?;
    Ok(())
}

/// Where events are stored.
pub(super) struct Into {
    /// For Postgres: all in one statement.
    pub(super) postgres: &'static str,
    /// For SQLite: the beginning.
    pub(super) sqlite: &'static str,
}

const OUTBOX: Into = Into {
    postgres: "INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) \
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[])",
    sqlite: "INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) VALUES ",
};

pub(super) async fn insert_into(into: &Into, executor: &Executor, events: &[Outgoing]) -> Result<()> {
    match executor.engine() {
        Engine::Postgres => {
            let mut args = executor.args();
            bind_columns(&mut args, events);
            executor.execute(into.postgres, args, None).await?;
        }
        Engine::Sqlite => {
            for chunk in events.chunks(SQLITE_ROWS) {
                let mut args = executor.args();
                for event in chunk {
                    bind_row(&mut args, event);
                }
                executor.execute(SqlText::built(insert_rows(into.sqlite, chunk.len())), args, None).await?;
            }
        }
    }
    Ok(())
}

/// Stores a row and its events by one statement of Postgres, which is a transaction of its own. `insert` has the
/// parameters `$1` to `$n`, which `args` holds.
///
/// Each part takes from the one before it, so it is done after it: the row is written, and waits for whoever else
/// writes the same unique key, then the keys are locked, then the sequence numbers are taken. Only what the row refers to
/// is locked at the very end, by the triggers of the foreign keys. A transaction that holds such a row and wants a lock
/// of a key would wait for this statement while this statement waits for it: rows with foreign keys and events with
/// keys take a transaction.
#[cfg(feature = "postgres")]
pub(crate) async fn insert_beside(
    db: &Db,
    insert: &str,
    mut args: Args,
    events: &[Outgoing],
    names: Option<&super::Names>,
) -> Result<()> {
    let n = args.len();
    bind_columns(&mut args, events);
    let keys = key_hashes(events);
    EntityValue::bind_array(keys.iter().map(Some), &mut args);
    let p = |i: usize| n + i;
    let sql = format!(
        "WITH \"row\" AS ({insert} RETURNING 1), \
         \"locked\" AS MATERIALIZED (SELECT count(pg_advisory_xact_lock(k)::text) FROM \"row\", UNNEST(${}::bigint[]) AS k) \
         INSERT INTO shared_outbox ({COLUMNS}) SELECT e.* FROM \"locked\", \
         UNNEST(${}::uuid[], ${}::text[], ${}::text[], ${}::text[], ${}::text[], ${}::bytea[], ${}::timestamptz[]) AS e",
        p(8),
        p(1),
        p(2),
        p(3),
        p(4),
        p(5),
        p(6),
        p(7),
    );
    db.executor().execute(SqlText::built(sql), args, names).await?;
    db.nudge();
    Ok(())
}

fn insert_rows(into: &str, rows: usize) -> String {
    use std::fmt::Write as _;
    let mut sql = into.to_owned();
    for row in 0..rows {
        let first = row * 7;
        let _infallible = write!(
            sql,
            "{}(${}, ${}, ${}, ${}, ${}, ${}, ${})",
            if row == 0 { "" } else { ", " },
            first + 1,
            first + 2,
            first + 3,
            first + 4,
            first + 5,
            first + 6,
            first + 7
        );
    }
    sql
}

fn bind_row(args: &mut Args, event: &Outgoing) {
    event.id.bind(args);
    event.subject.bind(args);
    event.event_type.bind(args);
    event.key.bind(args);
    event.shape.noted(&event.headers).bind(args);
    event.payload.to_vec().bind(args);
    event.time.bind(args);
}

fn bind_columns(args: &mut Args, events: &[Outgoing]) {
    let headers: Vec<String> = events.iter().map(|event| event.shape.noted(&event.headers)).collect();
    let payloads: Vec<Vec<u8>> = events.iter().map(|event| event.payload.to_vec()).collect();
    EntityValue::bind_array(events.iter().map(|event| Some(&event.id)), args);
    EntityValue::bind_array(events.iter().map(|event| Some(&event.subject)), args);
    EntityValue::bind_array(events.iter().map(|event| Some(&event.event_type)), args);
    EntityValue::bind_array(events.iter().map(|event| Some(&event.key)), args);
    EntityValue::bind_array(headers.iter().map(Some), args);
    EntityValue::bind_array(payloads.iter().map(Some), args);
    EntityValue::bind_array(events.iter().map(|event| Some(&event.time)), args);
}

/// Sorted: two transactions that take several keys take them in the same order and cannot deadlock.
fn key_hashes(events: &[Outgoing]) -> Vec<i64> {
    let keys: BTreeSet<i64> = events.iter().filter_map(|event| event.key.as_deref()).map(key_hash).collect();
    keys.into_iter().collect()
}

/// An event that waits to be published.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) seq: i64,
    pub(crate) event: Outgoing,
}

/// How much may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) events: usize,
    /// Of headers and payloads, about.
    pub(crate) bytes: usize,
}

/// What a broker's acknowledgement says, kept on the event's row.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) seq: i64,
    pub(crate) stream: String,
    pub(crate) stream_seq: i64,
}

/// An event of the log: what was committed, in order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OutboxEntry {
    /// The position: within one key, a later commit has a higher one.
    pub seq: i64,
    /// The event's id.
    pub event_id: uuid::Uuid,
    /// The concrete subject.
    pub subject: String,
    /// The event type's name.
    pub event_type: String,
    /// The ordering key.
    pub key: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the bus took it.
    pub published_at: Option<DateTime<Utc>>,
}

/// The events that wait to be published, and those that were (until their retention ends).
#[derive(Debug, Clone)]
pub struct Outbox {
    db: Db,
}

impl Outbox {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// How many events wait to be published.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn pending(&self) -> Result<u64> {
        let executor = self.db.executor();
        let sql = "SELECT count(*) FROM shared_outbox WHERE published_at IS NULL";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        count(row.as_ref(), 0)
    }

    /// How many events wait for their time; see [`Tx::publish_at`](crate::Tx::publish_at).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn scheduled(&self) -> Result<u64> {
        schedule::count(&self.db.executor()).await
    }

    /// Cancels a scheduled event, by the id that [`Tx::publish_at`](crate::Tx::publish_at) returned. `false` when it does
    /// not wait any more: it has become due, was cancelled before, or never was.
    ///
    /// Together with a change of rows use [`Tx::cancel`](crate::Tx::cancel).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn cancel(&self, event_id: uuid::Uuid) -> Result<bool> {
        schedule::cancel(&self.db.executor(), event_id).await
    }

    /// How many events wait to be published, and when the oldest of them was made.
    pub(crate) async fn backlog(&self) -> Result<(u64, Option<DateTime<Utc>>)> {
        let executor = self.db.executor();
        let sql = "SELECT count(*), min(created_at) FROM shared_outbox WHERE published_at IS NULL";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        let oldest = row.as_ref().map_or(Ok(None), |row| EntityValue::read(row, 1))?;
        Ok((count(row.as_ref(), 0)?, oldest))
    }

    /// The highest position given so far, 0 when there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn last(&self) -> Result<i64> {
        let executor = self.db.executor();
        let sql = "SELECT coalesce(max(seq), 0) FROM shared_outbox";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        row.map_or(Ok(0), |row| row.required(0))
    }

    /// How many published events there are of each subject.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn published_by_subject(&self) -> Result<BTreeMap<String, u64>> {
        let executor = self.db.executor();
        let sql = "SELECT subject, count(*) FROM shared_outbox WHERE published_at IS NOT NULL GROUP BY subject";
        let rows = executor.fetch_all(Access::Read, sql, executor.args(), None).await?;
        rows.iter().map(|row| Ok((row.required(0)?, count(Some(row), 1)?))).collect()
    }

    /// For each subject and stream, the highest position in the stream.
    pub(crate) async fn stream_positions(&self) -> Result<Vec<(String, String, i64)>> {
        let executor = self.db.executor();
        let sql =
            "SELECT subject, stream, max(stream_seq) FROM shared_outbox WHERE stream_seq > 0 GROUP BY subject, stream";
        let rows = executor.fetch_all(Access::Read, sql, executor.args(), None).await?;
        rows.iter().map(|row| Ok((row.required(0)?, row.required(1)?, row.required(2)?))).collect()
    }

    /// The log in the order of its positions, as a stream.
    pub fn entries(&self) -> BoxStream<'static, Result<OutboxEntry>> {
        let executor = self.db.executor();
        let sql = "SELECT seq, event_id, subject, event_type, event_key, created_at, published_at FROM shared_outbox ORDER BY seq";
        self.db
            .stream(sql, executor.args(), None)
            .and_then(|row| async move {
                Ok(OutboxEntry {
                    seq: row.required(0)?,
                    event_id: EntityValue::read(&row, 1)?,
                    subject: row.required(2)?,
                    event_type: row.required(3)?,
                    key: row.get(4)?,
                    created_at: EntityValue::read(&row, 5)?,
                    published_at: EntityValue::read(&row, 6)?,
                })
            })
            .boxed()
    }

    /// The payloads of all events of a type, in order.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn payloads(&self, event_type: &str) -> Result<Vec<Vec<u8>>> {
        let executor = self.db.executor();
        let mut args = executor.args();
        event_type.to_owned().bind(&mut args);
        let sql = "SELECT payload FROM shared_outbox WHERE event_type = $1 ORDER BY seq";
        let rows = executor.fetch_all(Access::Read, sql, args, None).await?;
        rows.iter().map(|row| row.required(0)).collect()
    }

    /// The events to publish after a position, and those at the given positions, in order and as of one moment: the first
    /// ones, as many as there is room for, and at least one.
    pub(crate) async fn unpublished(&self, after: i64, and: &[i64], room: Room) -> Result<Vec<Pending>> {
        // Only the sizes are added up, which neither engine reads an event for. In two parts on Postgres: what is after
        // the position begins there in the index, and not with all that was published since it was last cleaned up.
        const SELECT: Sql = Sql {
            postgres: "SELECT seq, event_id, subject, event_type, event_key, headers, payload, created_at FROM (\
                 SELECT waiting.*, row_number() OVER up AS place, \
                 sum(octet_length(payload) + octet_length(headers)) OVER up AS bytes FROM (\
                 (SELECT seq, event_id, subject, event_type, event_key, headers, payload, created_at FROM shared_outbox \
                 WHERE published_at IS NULL AND seq > $1 ORDER BY seq LIMIT $3) UNION ALL \
                 (SELECT seq, event_id, subject, event_type, event_key, headers, payload, created_at FROM shared_outbox \
                 WHERE published_at IS NULL AND seq <= $1 AND seq = ANY($2)) ORDER BY seq LIMIT $3) AS waiting \
                 WINDOW up AS (ORDER BY seq)) AS counted WHERE place = 1 OR bytes <= $4 ORDER BY seq",
            sqlite: "WITH waiting AS (SELECT seq, length(payload) + length(headers) AS bytes FROM shared_outbox \
                 WHERE published_at IS NULL AND (seq > $1 OR seq IN (SELECT value FROM json_each($2))) \
                 ORDER BY seq LIMIT $3), \
                 counted AS (SELECT seq, row_number() OVER up AS place, sum(bytes) OVER up AS bytes FROM waiting \
                 WINDOW up AS (ORDER BY seq)) \
                 SELECT o.seq, event_id, subject, event_type, event_key, headers, payload, created_at \
                 FROM counted CROSS JOIN shared_outbox AS o ON o.seq = counted.seq \
                 WHERE place = 1 OR bytes <= $4 ORDER BY counted.seq",
        };
        let executor = self.db.executor();
        let mut args = executor.args();
        after.bind(&mut args);
        match executor.engine() {
            Engine::Postgres => EntityValue::bind_array(and.iter().map(Some), &mut args),
            Engine::Sqlite => format!("{and:?}").bind(&mut args),
        }
        i64::try_from(room.events).unwrap_or(i64::MAX).bind(&mut args);
        i64::try_from(room.bytes).unwrap_or(i64::MAX).bind(&mut args);
        let rows = executor.fetch_all(Access::Read, SELECT.text(executor.engine()), args, None).await?;
        rows.iter().map(pending).collect()
    }

    /// The highest positions, the highest first.
    pub(crate) async fn latest(&self, limit: i64) -> Result<Vec<i64>> {
        let executor = self.db.executor();
        let mut args = executor.args();
        limit.bind(&mut args);
        let sql = "SELECT seq FROM shared_outbox ORDER BY seq DESC LIMIT $1";
        let rows = executor.fetch_all(Access::Read, sql, args, None).await?;
        rows.iter().map(|row| row.required(0)).collect()
    }

    /// Notes what the bus took, in one statement; returns how many rows there were to note it on. Nothing is noted for a
    /// leader whose leadership, `epoch`, has ended.
    pub(crate) async fn mark(&self, published: &[Published], epoch: Option<i64>) -> Result<u64> {
        let executor = self.db.executor();
        let now = crate::time::now();
        match executor.engine() {
            Engine::Postgres => {
                let mut args = executor.args();
                EntityValue::bind_array(published.iter().map(|p| Some(&p.seq)), &mut args);
                EntityValue::bind_array(published.iter().map(|p| Some(&p.stream)), &mut args);
                EntityValue::bind_array(published.iter().map(|p| Some(&p.stream_seq)), &mut args);
                now.bind(&mut args);
                let Some(epoch) = epoch else { return executor.execute(MARK, args, None).await };
                epoch.bind(&mut args);
                executor.execute(MARK_FENCED, args, None).await
            }
            Engine::Sqlite => {
                let mut marked = 0;
                for chunk in published.chunks(SQLITE_ROWS) {
                    let mut args = executor.args();
                    now.bind(&mut args);
                    for done in chunk {
                        done.seq.bind(&mut args);
                        done.stream.bind(&mut args);
                        done.stream_seq.bind(&mut args);
                    }
                    marked += executor.execute(SqlText::built(mark_rows(chunk.len())), args, None).await?;
                }
                Ok(marked)
            }
        }
    }

    /// Deletes published events older than `age`, a small batch at a time; returns how many.
    pub(crate) async fn prune(&self, age: Duration) -> Result<u64> {
        const PRUNE: Sql = Sql::same(
            "DELETE FROM shared_outbox WHERE seq IN \
             (SELECT seq FROM shared_outbox WHERE published_at < $1 ORDER BY published_at LIMIT 1000)",
        );
        let executor = self.db.executor();
        let age = chrono::TimeDelta::from_std(age).unwrap_or(chrono::TimeDelta::MAX);
        let Some(before) = crate::time::now().checked_sub_signed(age) else { return Ok(0) };
        let mut args = executor.args();
        before.bind(&mut args);
        executor.execute(PRUNE.text(executor.engine()), args, None).await
    }
}

fn pending(row: &Row) -> Result<Pending> {
    let seq: i64 = row.required(0)?;
    let mut event = outgoing(row)?;
    // CloudEvents compares sequences as texts
    event.headers.set("ce-sequence", format!("{seq:020}"));
    Ok(Pending { seq, event })
}

/// Reads id, subject, type, key, headers, payload and time, from the second column on.
pub(super) fn outgoing(row: &Row) -> Result<Outgoing> {
    let headers: String = row.required(5)?;
    let payload: Vec<u8> = row.required(6)?;
    let mut headers = Headers::from_json(&headers);
    let shape = Shape::read_note(&mut headers);
    Ok(Outgoing {
        id: EntityValue::read(row, 1)?,
        subject: row.required(2)?,
        event_type: row.required(3)?,
        key: row.get(4)?,
        headers,
        payload: Bytes::from(payload),
        time: EntityValue::read(row, 7)?,
        shape,
    })
}

fn mark_rows(rows: usize) -> String {
    use std::fmt::Write as _;
    let mut sql = String::from("WITH done (seq, stream, stream_seq) AS (VALUES ");
    for row in 0..rows {
        let first = 2 + row * 3;
        let comma = if row == 0 { "" } else { ", " };
        let _infallible = write!(sql, "{comma}(${}, ${}, ${})", first, first + 1, first + 2);
    }
    sql.push_str(
        ") UPDATE shared_outbox SET published_at = $1, stream = done.stream, stream_seq = done.stream_seq \
         FROM done WHERE shared_outbox.seq = done.seq",
    );
    sql
}

/// A count is never negative, whatever type the engine gives it.
pub(super) fn count(row: Option<&Row>, index: usize) -> Result<u64> {
    let count: i64 = row.map_or(Ok(0), |row| row.required(index))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_is_read_than_there_is_room_for() {
        let db = Db::connect("sqlite::memory:").await.unwrap();
        db.create_library_tables().await.unwrap();
        for bytes in [100, 200, 5_000, 300, 1_000_000] {
            let executor = db.executor();
            let mut args = executor.args();
            uuid::Uuid::now_v7().bind(&mut args);
            vec![b' '; bytes - 2].bind(&mut args);
            crate::time::now().bind(&mut args);
            let sql = "INSERT INTO shared_outbox (event_id, subject, event_type, headers, payload, created_at) \
                 VALUES ($1, 's', 's', '{}', $2, $3)";
            executor.execute(sql, args, None).await.unwrap();
        }
        let read = async |after, and: &[i64], events, bytes| {
            let rows = db.outbox().unpublished(after, and, Room { events, bytes }).await.unwrap();
            rows.into_iter().map(|row| row.seq).collect::<Vec<_>>()
        };
        assert_eq!(read(0, &[], 10, usize::MAX).await, [1, 2, 3, 4, 5]);
        assert_eq!(read(0, &[], 2, usize::MAX).await, [1, 2]);
        assert_eq!(read(0, &[], 10, 300).await, [1, 2]);
        assert_eq!(read(0, &[], 10, 299).await, [1]);
        assert_eq!(read(0, &[], 10, 0).await, [1], "one in any case");
        assert_eq!(read(2, &[1], 10, 5_100).await, [1, 3]);
        assert_eq!(read(4, &[], 10, 1).await, [5], "one in any case");
        assert_eq!(read(i64::MAX, &[2, 4], 10, 500).await, [2, 4]);
    }
}
