//! Events that were committed: stored beside the rows they speak of, published by the relay.

mod insertion;
mod published;

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

#[cfg(feature = "postgres")]
pub(crate) use self::insertion::insert_beside;
pub(super) use self::insertion::{Into, insert, insert_into};
pub(crate) use self::published::Published;
use super::dialect::{Engine, Row, Sql};
use super::executor::Access;
use super::{Db, schedule};
use crate::entity::EntityValue;
use crate::error::Result;
use crate::event::{Headers, Outgoing, Shape};

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
        const PENDING: Sql = Sql {
            // whose events are there: somebody may have deleted some by hand
            postgres: "SELECT count(*) FROM shared_unpublished JOIN shared_outbox USING (seq)",
            sqlite: "SELECT count(*) FROM shared_outbox WHERE published_at IS NULL",
        };
        let executor = self.db.executor();
        let sql = PENDING.text(executor.engine());
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
        const BACKLOG: Sql = Sql {
            postgres: "SELECT count(*), min(created_at) FROM shared_unpublished JOIN shared_outbox USING (seq)",
            sqlite: "SELECT count(*), min(created_at) FROM shared_outbox WHERE published_at IS NULL",
        };
        let executor = self.db.executor();
        let sql = BACKLOG.text(executor.engine());
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
        const PUBLISHED: Sql = Sql {
            postgres: "SELECT subject, count(*) FROM shared_outbox AS o \
                 WHERE NOT EXISTS (SELECT 1 FROM shared_unpublished AS u WHERE u.seq = o.seq) GROUP BY subject",
            sqlite: "SELECT subject, count(*) FROM shared_outbox WHERE published_at IS NOT NULL GROUP BY subject",
        };
        let executor = self.db.executor();
        let sql = PUBLISHED.text(executor.engine());
        let rows = executor.fetch_all(Access::Read, sql, executor.args(), None).await?;
        rows.iter().map(|row| Ok((row.required(0)?, count(Some(row), 1)?))).collect()
    }

    /// For each subject and stream, the highest position in the stream.
    pub(crate) async fn stream_positions(&self) -> Result<Vec<(String, String, i64)>> {
        const POSITIONS: Sql = Sql {
            postgres: "SELECT subject, stream, max(place) FROM (SELECT stream, UNNEST(seqs) AS seq, UNNEST(places) AS place \
                 FROM shared_ledger WHERE last_place > 0) AS entries JOIN shared_outbox USING (seq) \
                 WHERE place > 0 GROUP BY subject, stream",
            sqlite: "SELECT subject, stream, max(stream_seq) FROM shared_outbox WHERE stream_seq > 0 \
                 GROUP BY subject, stream",
        };
        let executor = self.db.executor();
        let sql = POSITIONS.text(executor.engine());
        let rows = executor.fetch_all(Access::Read, sql, executor.args(), None).await?;
        rows.iter().map(|row| Ok((row.required(0)?, row.required(1)?, row.required(2)?))).collect()
    }

    /// The log in the order of its positions, as a stream.
    pub fn entries(&self) -> BoxStream<'static, Result<OutboxEntry>> {
        const ENTRIES: Sql = Sql {
            postgres: "SELECT seq, event_id, subject, event_type, event_key, created_at, published_at FROM shared_outbox \
                 LEFT JOIN (SELECT UNNEST(seqs) AS seq, published_at FROM shared_ledger) AS entries USING (seq) \
                 ORDER BY seq",
            sqlite: "SELECT seq, event_id, subject, event_type, event_key, created_at, published_at FROM shared_outbox \
                 ORDER BY seq",
        };
        let executor = self.db.executor();
        self.db
            .stream(ENTRIES.text(executor.engine()), executor.args(), None)
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
        // Only the sizes are added up, which neither engine reads an event for. On Postgres the rows are looked up
        // one by one (`OFFSET 0` says so): joined in any other way, it would read what was published in between. Numbers
        // whose rows somebody has deleted take no room. In two parts: what is after the position begins there in the
        // index, and not with all that was published since it was last cleaned up.
        const SELECT: Sql = Sql {
            postgres: "SELECT seq, event_id, subject, event_type, event_key, headers, payload, created_at FROM (\
                 SELECT waiting.*, row_number() OVER up AS place, \
                 sum(octet_length(payload) + octet_length(headers)) OVER up AS bytes FROM (\
                 (SELECT o.* FROM shared_unpublished AS u \
                 CROSS JOIN LATERAL (SELECT * FROM shared_outbox WHERE shared_outbox.seq = u.seq OFFSET 0) AS o \
                 WHERE u.seq > $1 ORDER BY u.seq LIMIT $3) UNION ALL \
                 (SELECT o.* FROM shared_unpublished AS u \
                 CROSS JOIN LATERAL (SELECT * FROM shared_outbox WHERE shared_outbox.seq = u.seq OFFSET 0) AS o \
                 WHERE u.seq <= $1 AND u.seq = ANY($2)) ORDER BY seq LIMIT $3) AS waiting \
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
