//! The ledger: where in the broker's streams the published events of the outbox lie, as the broker said.
//!
//! On Postgres it is a table whose rows have all that was noted at once: the events' numbers and places, and the lowest
//! and the highest place. Rows overlap where events were tried again. On SQLite each event's place is on its own row of
//! the outbox.

use uuid::Uuid;

use super::Db;
use super::dialect::{Engine, Row, Sql};
use super::executor::Access;
use super::outbox::count;
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

macro_rules! streams {
    ($table:literal, $place:literal) => {
        concat!(
            "WITH RECURSIVE found (stream) AS (SELECT (SELECT stream FROM ",
            $table,
            " WHERE ",
            $place,
            " > 0 ORDER BY stream LIMIT 1) UNION ALL SELECT (SELECT l.stream FROM ",
            $table,
            " AS l WHERE l.",
            $place,
            " > 0 AND l.stream > found.stream ORDER BY l.stream LIMIT 1) FROM found WHERE found.stream IS NOT NULL) \
             SELECT stream FROM found WHERE stream IS NOT NULL"
        )
    };
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
        const STREAMS: Sql =
            Sql { postgres: streams!("shared_ledger", "last_place"), sqlite: streams!("shared_outbox", "stream_seq") };
        let executor = self.db.executor();
        let rows = executor.fetch_all(Access::Read, STREAMS.text(executor.engine()), executor.args(), None).await?;
        rows.iter().map(|row| row.required(0)).collect()
    }

    /// The last entry of a stream that lies above one position and not above another.
    pub(crate) async fn last_between(&self, stream: &str, above: i64, most: i64) -> Result<Option<Entry>> {
        // on Postgres, the row that begins last has an entry: those that end before it are out of the question
        const LAST: Sql = Sql {
            postgres: "SELECT (SELECT event_id FROM shared_outbox WHERE shared_outbox.seq = last.seq), place FROM (\
                 SELECT seq, place FROM (SELECT UNNEST(seqs) AS seq, UNNEST(places) AS place FROM shared_ledger \
                 WHERE stream = $1 AND last_place > 0 AND last_place > $2 AND first_place <= $3 AND last_place >= \
                 (SELECT coalesce(max(first_place), 0) FROM shared_ledger \
                 WHERE stream = $1 AND last_place > 0 AND first_place <= $3)) AS entries \
                 WHERE place > 0 AND place > $2 AND place <= $3 ORDER BY place DESC LIMIT 1) AS last",
            sqlite: "SELECT event_id, stream_seq FROM shared_outbox \
                 WHERE stream = $1 AND stream_seq > 0 AND stream_seq > $2 AND stream_seq <= $3 \
                 ORDER BY stream_seq DESC LIMIT 1",
        };
        let executor = self.db.executor();
        let mut args = executor.args();
        stream.to_owned().bind(&mut args);
        above.bind(&mut args);
        most.bind(&mut args);
        let row = executor.fetch_optional(Access::Read, LAST.text(executor.engine()), args, None).await?;
        row.as_ref().map(|row| entry(row, 0)).transpose()
    }

    /// Whether two events are said to lie in the same place.
    pub(crate) async fn has_doubles(&self, stream: &str) -> Result<bool> {
        const DOUBLES: Sql = Sql {
            postgres: "SELECT place FROM (SELECT UNNEST(places) AS place FROM shared_ledger \
                 WHERE stream = $1 AND last_place > 0) AS entries WHERE place > 0 GROUP BY place HAVING count(*) > 1 LIMIT 1",
            sqlite: "SELECT stream_seq FROM shared_outbox WHERE stream = $1 AND stream_seq > 0 \
                 GROUP BY stream_seq HAVING count(*) > 1 LIMIT 1",
        };
        let executor = self.db.executor();
        let mut args = executor.args();
        stream.to_owned().bind(&mut args);
        Ok(executor.fetch_optional(Access::Read, DOUBLES.text(executor.engine()), args, None).await?.is_some())
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
        // On Postgres, what is left of the rows is written anew. Which rows there are to look at: with those that end
        // first there are enough entries, and the lowest ones lie in rows that begin before the last of these ends. What
        // is pruned meanwhile is left alone.
        const UNPUBLISH: Sql = Sql {
            postgres: "WITH enough AS MATERIALIZED (SELECT coalesce(min(last_place), 9223372036854775807) AS place FROM (\
                 SELECT last_place, sum(CASE WHEN first_place > $2 THEN events ELSE 1 END) OVER (ORDER BY last_place, id) \
                 AS entries FROM (SELECT id, first_place, last_place, events FROM shared_ledger \
                 WHERE stream = $1 AND last_place > 0 AND last_place > $2 ORDER BY last_place, id LIMIT $3) AS first) \
                 AS counted WHERE entries >= $3), \
                 gone AS MATERIALIZED (SELECT id, seq FROM (\
                 SELECT id, UNNEST(seqs) AS seq, UNNEST(places) AS place FROM shared_ledger \
                 WHERE stream = $1 AND last_place > 0 AND last_place > $2 AND first_place <= (SELECT place FROM enough)) \
                 AS entries WHERE place > 0 AND place > $2 ORDER BY place LIMIT $3), \
                 taken AS (DELETE FROM shared_ledger WHERE id IN (SELECT id FROM gone) \
                 RETURNING id, stream, seqs, places, published_at), \
                 kept AS (INSERT INTO shared_ledger (stream, first_place, last_place, events, seqs, places, published_at) \
                 SELECT stream, min(place), max(place), count(*), array_agg(seq), array_agg(place), published_at FROM (\
                 SELECT id, stream, published_at, UNNEST(seqs) AS seq, UNNEST(places) AS place FROM taken) AS entries \
                 WHERE (seq IN (SELECT seq FROM gone)) IS FALSE GROUP BY id, stream, published_at), \
                 waiting AS (INSERT INTO shared_unpublished (seq) SELECT DISTINCT seq FROM gone \
                 WHERE id IN (SELECT id FROM taken) ON CONFLICT DO NOTHING) \
                 SELECT count(*) FROM gone",
            sqlite: "UPDATE shared_outbox SET published_at = NULL, stream = NULL, stream_seq = NULL \
                 WHERE seq IN (SELECT seq FROM shared_outbox WHERE stream = $1 AND stream_seq > 0 AND stream_seq > $2 \
                 ORDER BY stream_seq LIMIT $3)",
        };
        let executor = self.db.executor();
        let mut args = executor.args();
        stream.to_owned().bind(&mut args);
        above.bind(&mut args);
        limit.bind(&mut args);
        let sql = UNPUBLISH.text(executor.engine());
        match executor.engine() {
            Engine::Postgres => count(executor.fetch_optional(Access::Write, sql, args, None).await?.as_ref(), 0),
            Engine::Sqlite => executor.execute(sql, args, None).await,
        }
    }
}

fn entry(row: &Row, first: usize) -> Result<Entry> {
    Ok(Entry { event_id: EntityValue::read(row, first)?, sequence: row.required(first + 1)? })
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    async fn ledger(places: &[(&str, i64)]) -> Ledger {
        let db = Db::connect("sqlite::memory:").await.unwrap();
        db.create_library_tables().await.unwrap();
        for (number, (stream, sequence)) in (1u128..).zip(places) {
            let executor = db.executor();
            let mut args = executor.args();
            Uuid::from_u128(number).bind(&mut args);
            (*stream).to_owned().bind(&mut args);
            sequence.bind(&mut args);
            let sql = "INSERT INTO shared_outbox (event_id, subject, event_type, headers, payload, created_at, \
                 published_at, stream, stream_seq) VALUES ($1, 's', 's', '{}', x'', '', '', $2, $3)";
            executor.execute(sql, args, None).await.unwrap();
        }
        Ledger::new(db)
    }

    #[tokio::test]
    async fn streams_and_places_are_found() {
        let ledger = ledger(&[("B", 3), ("A", 1), ("local", 0), ("B", 7), ("A", 9), ("B", 7)]).await;
        assert_eq!(ledger.streams().await.unwrap(), ["A", "B"]);
        let last = ledger.last_between("A", 0, i64::MAX).await.unwrap();
        assert_eq!(last, Some(Entry { event_id: Uuid::from_u128(5), sequence: 9 }));
        let last = ledger.last_between("B", 0, 6).await.unwrap();
        assert_eq!(last, Some(Entry { event_id: Uuid::from_u128(1), sequence: 3 }));
        assert_eq!(ledger.last_between("B", 3, 6).await.unwrap(), None);
        assert!(!ledger.has_doubles("A").await.unwrap());
        assert!(ledger.has_doubles("B").await.unwrap());
    }

    #[tokio::test]
    async fn the_lowest_become_unpublished_first() {
        let ledger = ledger(&[("A", 4), ("A", 2), ("A", 3), ("A", 1), ("B", 5)]).await;
        assert_eq!(ledger.unpublish_above("A", 1, 2).await.unwrap(), 2);
        let last = async || ledger.last_between("A", 0, i64::MAX).await.unwrap().map(|entry| entry.sequence);
        assert_eq!(last().await, Some(4), "it shows that something is missing");
        assert_eq!(ledger.unpublish_above("A", 1, 2).await.unwrap(), 1);
        assert_eq!(ledger.unpublish_above("A", 1, 2).await.unwrap(), 0);
        assert_eq!(last().await, Some(1));
        assert_eq!(ledger.streams().await.unwrap(), ["A", "B"]);
    }

    #[tokio::test]
    async fn a_look_is_noted_once() {
        let ledger = ledger(&[]).await;
        assert_eq!(ledger.look("A").await.unwrap(), None);
        for sequence in [3, 7] {
            let entry = Entry { event_id: Uuid::from_u128(1), sequence };
            let look = Look { created_ns: 1_700_000_000_000_000_000, entry };
            ledger.note("A", &look).await.unwrap();
            assert_eq!(ledger.look("A").await.unwrap(), Some(look));
        }
        ledger.forget("A").await.unwrap();
        assert_eq!(ledger.look("A").await.unwrap(), None);
    }
}
