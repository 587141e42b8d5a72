//! Events that wait for their time, beside the outbox. When one is due it moves into the outbox, and only then gets its
//! position: so it comes after everything of its key that was committed until then.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::dialect::{Engine, Sql};
use super::executor::{Access, Executor};
use super::outbox::{Into, insert, insert_into, outgoing};
use super::{Db, Tx, outbox};
use crate::entity::EntityValue;
use crate::error::Result;
use crate::event::Outgoing;

const SCHEDULE: Into = Into {
    postgres: "INSERT INTO shared_scheduled (event_id, subject, event_type, event_key, headers, payload, due_at) \
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[])",
    sqlite: "INSERT INTO shared_scheduled (event_id, subject, event_type, event_key, headers, payload, due_at) VALUES ",
};

/// Stores events that are due at their own time.
pub(super) async fn store(executor: &Executor, events: &[Outgoing]) -> Result<()> {
    insert_into(&SCHEDULE, executor, events).await
}

/// `true` when the event still waited.
pub(super) async fn cancel(executor: &Executor, event_id: Uuid) -> Result<bool> {
    let mut args = executor.args();
    event_id.bind(&mut args);
    Ok(executor.execute("DELETE FROM shared_scheduled WHERE event_id = $1", args, None).await? == 1)
}

/// How many events wait.
pub(super) async fn count(executor: &Executor) -> Result<u64> {
    let row =
        executor.fetch_optional(Access::Read, "SELECT count(*) FROM shared_scheduled", executor.args(), None).await?;
    outbox::count(row.as_ref(), 0)
}

/// When the next event is due.
pub(crate) async fn next(db: &Db) -> Result<Option<DateTime<Utc>>> {
    let executor = db.executor();
    let sql = "SELECT due_at FROM shared_scheduled ORDER BY due_at, seq LIMIT 1";
    let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
    row.map(|row| EntityValue::read(&row, 0)).transpose()
}

/// Moves events that are due into the outbox, at most `limit` of them, the earliest first; returns how many.
pub(crate) async fn release(db: &Db, now: DateTime<Utc>, limit: i64) -> Result<usize> {
    // what a transaction under way cancels is left to it
    const DUE: Sql = Sql {
        postgres: "SELECT seq, event_id, subject, event_type, event_key, headers, payload, due_at FROM shared_scheduled \
             WHERE due_at <= $1 ORDER BY due_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED",
        sqlite: "SELECT seq, event_id, subject, event_type, event_key, headers, payload, due_at FROM shared_scheduled \
             WHERE due_at <= $1 ORDER BY due_at, seq LIMIT $2",
    };
    const MOVED: Sql = Sql {
        postgres: "DELETE FROM shared_scheduled WHERE seq = ANY($1)",
        sqlite: "DELETE FROM shared_scheduled WHERE seq IN (SELECT value FROM json_each($1))",
    };
    let tx = Tx::begin(db).await?;
    let executor = tx.executor();
    let mut args = executor.args();
    now.bind(&mut args);
    limit.bind(&mut args);
    let rows = executor.fetch_all(Access::Write, DUE.text(executor.engine()), args, None).await?;
    if rows.is_empty() {
        tx.rollback().await?;
        return Ok(0);
    }
    let events = rows.iter().map(outgoing).collect::<Result<Vec<Outgoing>>>()?;
    let numbers = rows.iter().map(|row| row.required(0)).collect::<Result<Vec<i64>>>()?;
    let mut args = executor.args();
    match executor.engine() {
        Engine::Postgres => EntityValue::bind_array(numbers.iter().map(Some), &mut args),
        Engine::Sqlite => format!("{numbers:?}").bind(&mut args),
    }
    executor.execute(MOVED.text(executor.engine()), args, None).await?;
    insert(&executor, &events).await?;
    tx.commit().await?;
    Ok(events.len())
}
