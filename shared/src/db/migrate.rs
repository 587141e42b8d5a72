//! Tables: the library's own, and what entities declare.

use super::Db;
use super::dialect::{Engine, Sql, SqlText};
use super::executor::{Access, Executor};
use crate::entity::EntityDef;
use crate::error::Result;

/// The library's own tables, in the order in which they came. A step, once released, never changes.
const STEPS: &[Sql] = &[
    Sql {
        postgres: "
CREATE TABLE shared_outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT shared_outbox_pkey PRIMARY KEY,
    event_id uuid NOT NULL CONSTRAINT shared_outbox_event_id_key UNIQUE,
    subject text NOT NULL,
    event_type text NOT NULL,
    event_key text,
    headers text NOT NULL,
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    published_at timestamptz,
    stream text,
    stream_seq bigint
);
CREATE INDEX shared_outbox_unpublished_idx ON shared_outbox (seq) WHERE published_at IS NULL;
CREATE INDEX shared_outbox_published_at_idx ON shared_outbox (published_at) WHERE published_at IS NOT NULL;
CREATE TABLE shared_inbox (
    subscription text NOT NULL,
    event_id text NOT NULL,
    handled_at timestamptz NOT NULL,
    event_time timestamptz,
    duplicates bigint NOT NULL,
    CONSTRAINT shared_inbox_pkey PRIMARY KEY (subscription, event_id)
);
CREATE TABLE shared_dead_letters (
    id uuid CONSTRAINT shared_dead_letters_pkey PRIMARY KEY,
    subscription text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    subject text NOT NULL,
    headers text NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL,
    report text NOT NULL,
    attempts integer NOT NULL,
    parked_at timestamptz NOT NULL,
    replayed_at timestamptz
);
CREATE INDEX shared_dead_letters_waiting_idx ON shared_dead_letters (parked_at) WHERE replayed_at IS NULL;
",
        // AUTOINCREMENT: a position is never given twice, even after the newest rows were deleted
        sqlite: "
CREATE TABLE shared_outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id BLOB NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    event_type TEXT NOT NULL,
    event_key TEXT,
    headers TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    published_at TEXT,
    stream TEXT,
    stream_seq INTEGER
) STRICT;
CREATE INDEX shared_outbox_unpublished_idx ON shared_outbox (seq) WHERE published_at IS NULL;
CREATE INDEX shared_outbox_published_at_idx ON shared_outbox (published_at) WHERE published_at IS NOT NULL;
CREATE TABLE shared_inbox (
    subscription TEXT NOT NULL,
    event_id TEXT NOT NULL,
    handled_at TEXT NOT NULL,
    event_time TEXT,
    duplicates INTEGER NOT NULL,
    PRIMARY KEY (subscription, event_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE shared_dead_letters (
    id BLOB NOT NULL PRIMARY KEY,
    subscription TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    headers TEXT NOT NULL,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL,
    report TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    parked_at TEXT NOT NULL,
    replayed_at TEXT
) STRICT;
CREATE INDEX shared_dead_letters_waiting_idx ON shared_dead_letters (parked_at) WHERE replayed_at IS NULL;
",
    },
    // 244 and 256 random bits, of generators that are made for keys
    Sql {
        postgres: "
CREATE TABLE shared_keys (
    name text CONSTRAINT shared_keys_pkey PRIMARY KEY,
    key bytea NOT NULL
);
INSERT INTO shared_keys (name, key)
VALUES ('cursor', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
",
        sqlite: "
CREATE TABLE shared_keys (
    name TEXT NOT NULL PRIMARY KEY,
    key BLOB NOT NULL
) STRICT;
INSERT INTO shared_keys (name, key) VALUES ('cursor', randomblob(32));
",
    },
];

/// The version of the library's own tables that this program works with.
pub(super) const LAYOUT: u32 = STEPS.len() as u32;

/// Serializes all processes that create tables in one database.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7809917286538507)";

impl Db {
    /// Creates the library's own tables and those of the given entities, where they are missing. Existing tables
    /// are left as they are. Any number of processes may call this at once.
    ///
    /// # Errors
    /// Those of the database; then nothing was created.
    pub async fn create_tables(&self, entities: &[&'static EntityDef]) -> Result<()> {
        self.transaction(async |tx| {
            let executor = tx.executor();
            if executor.engine() == Engine::Postgres {
                executor.fetch_all(Access::Write, LOCK, executor.args(), None).await?;
            }
            create_library_tables(&executor).await?;
            for entity in crate::entity::in_order_of_references(entities) {
                executor.execute_script(SqlText::built(entity.ddl(executor.engine()))).await?;
            }
            Ok(())
        })
        .await
    }
}

impl Db {
    /// The version of the library's own tables, and how many migrations of the service were applied.
    pub(super) async fn schema_state(&self) -> (Option<u32>, Option<u64>) {
        let executor = self.executor();
        let sql = "SELECT CAST(count(*) AS bigint) FROM shared_schema";
        let steps = executor.fetch_optional(Access::Read, sql, executor.args(), None).await;
        let steps = steps.and_then(|row| super::outbox::count(row.as_ref(), 0));
        (steps.ok().and_then(|steps| u32::try_from(steps).ok()), None)
    }
}

async fn create_library_tables(executor: &Executor) -> Result<()> {
    const CREATE: Sql = Sql {
        postgres: "CREATE TABLE IF NOT EXISTS shared_schema (step integer CONSTRAINT shared_schema_pkey PRIMARY KEY)",
        sqlite: "CREATE TABLE IF NOT EXISTS shared_schema (step INTEGER NOT NULL PRIMARY KEY) STRICT",
    };
    let engine = executor.engine();
    executor.execute_script(CREATE.text(engine)).await?;
    let sql = "SELECT CAST(count(*) AS bigint) FROM shared_schema";
    let row = executor.fetch_optional(Access::Write, sql, executor.args(), None).await?;
    let done = usize::try_from(super::outbox::count(row.as_ref(), 0)?).unwrap_or(usize::MAX);
    for (step, sql) in STEPS.iter().enumerate().skip(done) {
        executor.execute_script(sql.text(engine)).await?;
        let insert = format!("INSERT INTO shared_schema (step) VALUES ({})", step + 1);
        executor.execute_script(SqlText::built(insert)).await?;
    }
    Ok(())
}
