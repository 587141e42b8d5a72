//! What the bus took: noted, kept for a while, deleted.
//!
//! On Postgres in one row of the ledger for all that is noted at once, see `db::ledger`; on SQLite on the events' rows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Outbox;
use super::insertion::SQLITE_ROWS;
use crate::db::dialect::{Engine, Sql, SqlText};
use crate::entity::EntityValue;
use crate::error::Result;

/// What a broker's acknowledgement says.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) seq: i64,
    pub(crate) stream: String,
    pub(crate) stream_seq: i64,
}

/// `IS TRUE` keeps it a look into a hash: the planner does not know how many rows there will be.
macro_rules! mark {
    ($fence:literal, $holds:literal) => {
        concat!(
            "WITH ",
            $fence,
            "gone AS (DELETE FROM shared_unpublished WHERE seq = ANY($1)",
            $holds,
            " RETURNING seq) \
             INSERT INTO shared_ledger (stream, first_place, last_place, events, seqs, places, published_at) \
             SELECT $3::text, min(place), max(place), count(*), array_agg(seq), array_agg(place), $4::timestamptz \
             FROM UNNEST($1::bigint[], $2::bigint[]) AS done (seq, place) \
             WHERE (seq IN (SELECT seq FROM gone)) IS TRUE HAVING count(*) > 0"
        )
    };
}

const MARK: &str = mark!("", "");

/// Who takes the lease waits for this to end, and who comes after that notes nothing.
const MARK_FENCED: &str = mark!(
    "fence AS MATERIALIZED (SELECT 1 FROM shared_relay WHERE epoch = $5 FOR SHARE), ",
    " AND EXISTS (SELECT 1 FROM fence)"
);

impl Outbox {
    /// Notes what the bus took; returns 0 when there was nothing to note it on. Nothing is noted for a leader whose
    /// leadership, `epoch`, has ended.
    pub(crate) async fn mark(&self, published: &[Published], epoch: Option<i64>) -> Result<u64> {
        let executor = self.db.executor();
        let now = crate::time::now();
        let mut marked = 0;
        match executor.engine() {
            Engine::Postgres => {
                let mut streams: BTreeMap<&str, Vec<&Published>> = BTreeMap::new();
                for done in published {
                    streams.entry(&done.stream).or_default().push(done);
                }
                for (stream, done) in streams {
                    let mut args = executor.args();
                    EntityValue::bind_array(done.iter().map(|p| Some(&p.seq)), &mut args);
                    EntityValue::bind_array(done.iter().map(|p| Some(&p.stream_seq)), &mut args);
                    stream.to_owned().bind(&mut args);
                    now.bind(&mut args);
                    if let Some(epoch) = epoch {
                        epoch.bind(&mut args);
                    }
                    let sql = if epoch.is_some() { MARK_FENCED } else { MARK };
                    marked += executor.execute(sql, args, None).await?;
                }
            }
            Engine::Sqlite => {
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
            }
        }
        Ok(marked)
    }

    /// Deletes published events older than `age`, a small batch at a time; returns how many.
    pub(crate) async fn prune(&self, age: Duration) -> Result<u64> {
        const PRUNE: Sql = Sql {
            postgres: "WITH old AS (DELETE FROM shared_ledger WHERE id IN (SELECT id FROM (\
                 SELECT id, sum(events) OVER (ORDER BY published_at, id) - events AS before \
                 FROM (SELECT id, events, published_at FROM shared_ledger WHERE published_at < $1 \
                 ORDER BY published_at, id LIMIT 1000) AS first) AS counted WHERE before < 1000) RETURNING seqs) \
                 DELETE FROM shared_outbox WHERE seq = ANY(ARRAY(SELECT UNNEST(seqs) FROM old))",
            sqlite: "DELETE FROM shared_outbox WHERE seq IN \
                 (SELECT seq FROM shared_outbox WHERE published_at < $1 ORDER BY published_at LIMIT 1000)",
        };
        let executor = self.db.executor();
        let age = chrono::TimeDelta::from_std(age).unwrap_or(chrono::TimeDelta::MAX);
        let Some(before) = crate::time::now().checked_sub_signed(age) else { return Ok(0) };
        let mut args = executor.args();
        before.bind(&mut args);
        executor.execute(PRUNE.text(executor.engine()), args, None).await
    }
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
         FROM done WHERE shared_outbox.seq = done.seq AND published_at IS NULL",
    );
    sql
}
