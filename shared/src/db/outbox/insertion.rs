//! Storing events: the last statement before a commit.
//!
//! On Postgres that an event waits is a row of its own, narrow and soon deleted, while the event's row never changes: to
//! note on a row of this size that it was published would write all of it again, and its indexes.

use std::collections::BTreeSet;

use crate::db::dialect::{Args, Engine, SqlText};
use crate::db::executor::Executor;
use crate::entity::EntityValue;
use crate::error::Result;
use crate::event::{Outgoing, key_hash};

/// `$1…` of SQLite's multi-row insert stay below its limit of 32,766 parameters.
pub(super) const SQLITE_ROWS: usize = 1_000;

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
    let sql = "WITH locked AS MATERIALIZED (SELECT count(pg_advisory_xact_lock(k)::text) FROM UNNEST($8::bigint[]) AS k), \
         written AS (INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) \
         SELECT e.* FROM locked, \
         UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[]) AS e \
         RETURNING seq) \
         INSERT INTO shared_unpublished (seq) SELECT seq FROM written";
    let mut args = executor.args();
    bind_columns(&mut args, events);
    EntityValue::bind_array(keys.iter().map(Some), &mut args);
    executor.execute(sql, args, None).await?;
    Ok(())
}

/// Where events are stored.
pub(in crate::db) struct Into {
    /// For Postgres: all in one statement.
    pub(in crate::db) postgres: &'static str,
    /// For SQLite: the beginning.
    pub(in crate::db) sqlite: &'static str,
}

const OUTBOX: Into = Into {
    postgres: "WITH written AS (\
         INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) \
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[]) \
         RETURNING seq) \
         INSERT INTO shared_unpublished (seq) SELECT seq FROM written",
    sqlite: "INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) VALUES ",
};

pub(in crate::db) async fn insert_into(into: &Into, executor: &Executor, events: &[Outgoing]) -> Result<()> {
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
    db: &crate::db::Db,
    insert: &str,
    mut args: Args,
    events: &[Outgoing],
    names: Option<&crate::db::Names>,
) -> Result<()> {
    let n = args.len();
    bind_columns(&mut args, events);
    let keys = key_hashes(events);
    EntityValue::bind_array(keys.iter().map(Some), &mut args);
    let p = |i: usize| n + i;
    let sql = format!(
        "WITH \"row\" AS ({insert} RETURNING 1), \
         \"locked\" AS MATERIALIZED (SELECT count(pg_advisory_xact_lock(k)::text) FROM \"row\", UNNEST(${}::bigint[]) AS k), \
         \"written\" AS (INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) \
         SELECT e.* FROM \"locked\", \
         UNNEST(${}::uuid[], ${}::text[], ${}::text[], ${}::text[], ${}::text[], ${}::bytea[], ${}::timestamptz[]) AS e \
         RETURNING seq) \
         INSERT INTO shared_unpublished (seq) SELECT seq FROM \"written\"",
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
