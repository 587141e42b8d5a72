//! The ledger: where in the broker's streams the published events of the outbox lie, as the broker said.

use uuid::Uuid;

use super::Db;
use super::dialect::Row;
use super::executor::Access;
use crate::entity::EntityValue;
use crate::error::Result;

/// An event's place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) event_id: Uuid,
    pub(crate) sequence: i64,
}

/// What a stream was like when it was last compared with the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// When the stream was made, in nanoseconds since 1970 by the broker's clock: it tells a stream from one of the same
    /// name that took its place.
    pub(crate) created_ns: i64,
    /// The last event that was found where it should be.
    pub(crate) entry: Entry,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    db: Db,
}

impl Ledger {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// The streams in which events of the outbox lie.
    pub(crate) async fn streams(&self) -> Result<Vec<String>> {
        // one look into the index for each stream, however many rows there are
        const STREAMS: &str = "WITH RECURSIVE found (stream) AS (\
             SELECT (SELECT stream FROM shared_outbox WHERE stream_seq > 0 ORDER BY stream LIMIT 1) \
             UNION ALL \
             SELECT (SELECT o.stream FROM shared_outbox AS o WHERE o.stream_seq > 0 AND o.stream > found.stream \
             ORDER BY o.stream LIMIT 1) FROM found WHERE found.stream IS NOT NULL) \
             SELECT stream FROM found WHERE stream IS NOT NULL";
        let executor = self.db.executor();
        let rows = executor.fetch_all(Access::Read, STREAMS, executor.args(), None).await?;
        rows.iter().map(|row| row.required(0)).collect()
    }

    /// The last entry of a stream that lies above one position and not above another.
    pub(crate) async fn last_between(&self, stream: &str, above: i64, most: i64) -> Result<Option<Entry>> {
        const LAST: &str = "SELECT event_id, stream_seq FROM shared_outbox \
             WHERE stream = $1 AND stream_seq > 0 AND stream_seq > $2 AND stream_seq <= $3 \
             ORDER BY stream_seq DESC LIMIT 1";
        let executor = self.db.executor();
        let mut args = executor.args();
        stream.to_owned().bind(&mut args);
        above.bind(&mut args);
        most.bind(&mut args);
        let row = executor.fetch_optional(Access::Read, LAST, args, None).await?;
        row.as_ref().map(|row| entry(row, 0)).transpose()
    }

    /// The last comparison of a stream.
    pub(crate) async fn look(&self, stream: &str) -> Result<Option<Look>> {
        let executor = self.db.executor();
        let mut args = executor.args();
        stream.to_owned().bind(&mut args);
        let sql = "SELECT created_ns, event_id, seq FROM shared_streams WHERE name = $1";
        let row = executor.fetch_optional(Access::Read, sql, args, None).await?;
        row.as_ref().map(|row| Ok(Look { created_ns: row.required(0)?, entry: entry(row, 1)? })).transpose()
    }

    /// Notes a comparison.
    pub(crate) async fn note(&self, stream: &str, look: &Look) -> Result<()> {
        const NOTE: &str = "INSERT INTO shared_streams (name, created_ns, seq, event_id) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET created_ns = excluded.created_ns, seq = excluded.seq, \
             event_id = excluded.event_id";
        let executor = self.db.executor();
        let mut args = executor.args();
        stream.to_owned().bind(&mut args);
        look.created_ns.bind(&mut args);
        look.entry.sequence.bind(&mut args);
        look.entry.event_id.bind(&mut args);
        executor.execute(NOTE, args, None).await.map(|_| ())
    }

    /// Forgets the last comparison of a stream.
    pub(crate) async fn forget(&self, stream: &str) -> Result<()> {
        let executor = self.db.executor();
        let mut args = executor.args();
        stream.to_owned().bind(&mut args);
        executor.execute("DELETE FROM shared_streams WHERE name = $1", args, None).await.map(|_| ())
    }

    /// Makes events above a position unpublished again, at most `limit` of them; returns how many.
    ///
    /// The lowest come first: the highest one is what shows that something is missing, so what interrupts this does not
    /// hide the rest.
    pub(crate) async fn unpublish_above(&self, stream: &str, above: i64, limit: i64) -> Result<u64> {
        const UNPUBLISH: &str = "UPDATE shared_outbox SET published_at = NULL, stream = NULL, stream_seq = NULL \
             WHERE seq IN (SELECT seq FROM shared_outbox WHERE stream = $1 AND stream_seq > 0 AND stream_seq > $2 \
             ORDER BY stream_seq LIMIT $3)";
        let executor = self.db.executor();
        let mut args = executor.args();
        stream.to_owned().bind(&mut args);
        above.bind(&mut args);
        limit.bind(&mut args);
        executor.execute(UNPUBLISH, args, None).await
    }
}

fn entry(row: &Row, first: usize) -> Result<Entry> {
    Ok(Entry { event_id: EntityValue::read(row, first)?, sequence: row.required(first + 1)? })
}
