//! The library's own tables, and those that entities declare.

use std::collections::BTreeSet;

#[cfg(feature = "sqlite")]
use sqlx::SqliteConnection;

use super::files::{Migration, Migrations, Source};
use super::run;
use crate::db::dialect::{Engine, Sql, SqlText};
use crate::db::executor::{Access, Executor};
use crate::db::schema::several::expect_several_tables;
use crate::db::{Db, failure};
use crate::entity::{EntityDef, EntityValue as _};
use crate::error::Result;

/// Who the library's own migrations belong to. No service has this name.
const OWNER: &str = "@shared";

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
    // what each stream of the broker was like when it was last compared with the outbox, and who publishes the outbox
    Sql {
        postgres: "
CREATE INDEX shared_outbox_stream_idx ON shared_outbox (stream, stream_seq) WHERE stream_seq > 0;
CREATE TABLE shared_streams (
    name text CONSTRAINT shared_streams_pkey PRIMARY KEY,
    created_ns bigint NOT NULL,
    seq bigint NOT NULL,
    event_id uuid NOT NULL
);
CREATE TABLE shared_relay (
    one boolean DEFAULT true CONSTRAINT shared_relay_pkey PRIMARY KEY CONSTRAINT shared_relay_one_check CHECK (one),
    epoch bigint NOT NULL,
    beat bigint NOT NULL
);
INSERT INTO shared_relay (epoch, beat) VALUES (0, 0);
",
        sqlite: "
CREATE INDEX shared_outbox_stream_idx ON shared_outbox (stream, stream_seq) WHERE stream_seq > 0;
CREATE TABLE shared_streams (
    name TEXT NOT NULL PRIMARY KEY,
    created_ns INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    event_id BLOB NOT NULL
) STRICT, WITHOUT ROWID;
",
    },
    // events that wait for their time, and what the relays of one database call each other by
    Sql {
        postgres: "
CREATE TABLE shared_scheduled (
    seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT shared_scheduled_pkey PRIMARY KEY,
    event_id uuid NOT NULL CONSTRAINT shared_scheduled_event_id_key UNIQUE,
    subject text NOT NULL,
    event_type text NOT NULL,
    event_key text,
    headers text NOT NULL,
    payload bytea NOT NULL,
    due_at timestamptz NOT NULL
);
CREATE INDEX shared_scheduled_due_at_idx ON shared_scheduled (due_at, seq);
INSERT INTO shared_keys (name, key) VALUES ('nudge', decode(replace(gen_random_uuid()::text, '-', ''), 'hex'));
",
        sqlite: "
CREATE TABLE shared_scheduled (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id BLOB NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    event_type TEXT NOT NULL,
    event_key TEXT,
    headers TEXT NOT NULL,
    payload BLOB NOT NULL,
    due_at TEXT NOT NULL
) STRICT;
CREATE INDEX shared_scheduled_due_at_idx ON shared_scheduled (due_at, seq);
INSERT INTO shared_keys (name, key) VALUES ('nudge', randomblob(16));
",
    },
    // what the inbox forgets, and how it knows an event again
    Sql {
        postgres: "
ALTER TABLE shared_inbox ADD COLUMN fingerprint bytea;
CREATE INDEX shared_inbox_handled_at_idx ON shared_inbox (handled_at);
CREATE TABLE shared_inbox_totals (
    subscription text CONSTRAINT shared_inbox_totals_pkey PRIMARY KEY,
    handled bigint NOT NULL,
    duplicates bigint NOT NULL,
    ids_reused bigint NOT NULL
);
ALTER TABLE shared_dead_letters ADD COLUMN inbox_id text;
",
        sqlite: "
ALTER TABLE shared_inbox ADD COLUMN fingerprint BLOB;
CREATE INDEX shared_inbox_handled_at_idx ON shared_inbox (handled_at);
CREATE TABLE shared_inbox_totals (
    subscription TEXT NOT NULL PRIMARY KEY,
    handled INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    ids_reused INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE shared_dead_letters ADD COLUMN inbox_id TEXT;
",
    },
    // on SQLite the operating system's locks say who does what
    Sql {
        postgres: "
CREATE TABLE shared_claims (
    name text CONSTRAINT shared_claims_pkey PRIMARY KEY,
    holder uuid,
    backend integer,
    fence bigint NOT NULL,
    beat bigint NOT NULL
);
",
        sqlite: "SELECT 1;",
    },
    // What waits to be published, and where the published lies, a row for all that were noted at once: the rows of
    // events never change. SQLite writes one row at a time, whichever it is.
    Sql {
        postgres: "
CREATE TABLE shared_unpublished (
    seq bigint CONSTRAINT shared_unpublished_pkey PRIMARY KEY
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE TABLE shared_ledger (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT shared_ledger_pkey PRIMARY KEY,
    stream text NOT NULL,
    first_place bigint NOT NULL,
    last_place bigint NOT NULL,
    events bigint NOT NULL,
    seqs bigint[] NOT NULL,
    places bigint[] NOT NULL,
    published_at timestamptz NOT NULL
);
INSERT INTO shared_unpublished (seq) SELECT seq FROM shared_outbox WHERE published_at IS NULL;
INSERT INTO shared_ledger (stream, first_place, last_place, events, seqs, places, published_at)
SELECT stream, min(place), max(place), count(*), array_agg(seq), array_agg(place), max(published_at)
FROM (
    SELECT coalesce(stream, 'local') AS stream, coalesce(stream_seq, 0) AS place, seq, published_at,
        row_number() OVER (PARTITION BY coalesce(stream, 'local') ORDER BY stream_seq, seq) / 500 AS part
    FROM shared_outbox WHERE published_at IS NOT NULL
) AS published
GROUP BY stream, part ORDER BY max(published_at);
CREATE INDEX shared_ledger_first_place_idx ON shared_ledger (stream, first_place) WHERE last_place > 0;
CREATE INDEX shared_ledger_last_place_idx ON shared_ledger (stream, last_place) WHERE last_place > 0;
CREATE INDEX shared_ledger_published_at_idx ON shared_ledger (published_at);
ALTER TABLE shared_outbox
    DROP COLUMN attempts, DROP COLUMN published_at, DROP COLUMN stream, DROP COLUMN stream_seq;
",
        sqlite: "SELECT 1;",
    },
];

/// The version of the library's own tables that this program works with.
pub(crate) const LAYOUT: u32 = STEPS.len() as u32;

/// Serializes all processes that create tables in one database.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7809917286538507)";

fn steps(engine: Engine) -> Migrations {
    let steps = STEPS.iter().zip(1..);
    Migrations::of(steps.map(|(sql, version)| Source::step(version, sql.text(engine))).collect())
}

/// How many steps a database was brought through by a program of before `shared_migrations` was there.
const ADOPTED: &str = "SELECT CAST(count(*) AS bigint) FROM shared_schema";

/// Notes the steps that a program has taken which kept their number in `shared_schema`.
#[cfg(feature = "postgres")]
pub(super) async fn adopt(executor: &Executor, owner: &str, all: &[Migration]) -> Result<()> {
    if owner != OWNER
        || !run::applied(executor, owner).await?.is_empty()
        || !run::exists(executor, "shared_schema").await?
    {
        return Ok(());
    }
    let row = executor.fetch_optional(Access::Read, ADOPTED, executor.args(), None).await?;
    let steps: i64 = row.map_or(Ok(0), |row| row.required(0))?;
    for migration in all.iter().filter(|migration| migration.version <= steps) {
        run::postgres::note(executor, owner, migration).await?;
    }
    Ok(())
}

/// The same on SQLite.
#[cfg(feature = "sqlite")]
pub(super) async fn adopt_on_sqlite(connection: &mut SqliteConnection, owner: &str, all: &[Migration]) -> Result<()> {
    let translate = |error| failure::classify(error, Engine::Sqlite, None);
    if owner != OWNER || !run::sqlite::applied(connection, owner).await?.is_empty() {
        return Ok(());
    }
    let there = sqlx::query(run::EXISTS.sqlite).bind("shared_schema").fetch_optional(&mut *connection).await;
    if there.map_err(translate)?.is_none() {
        return Ok(());
    }
    let steps: i64 = sqlx::query_scalar(ADOPTED).fetch_one(&mut *connection).await.map_err(translate)?;
    for migration in all.iter().filter(|migration| migration.version <= steps) {
        run::sqlite::note(connection, owner, migration).await?;
    }
    Ok(())
}

impl Db {
    /// Brings the library's own tables to the layout that this program works with. Any number of processes may call
    /// this at once. A newer layout is left as it is: it works with the programs of the version before.
    ///
    /// # Errors
    /// Those of the database; then nothing was changed.
    pub async fn create_library_tables(&self) -> Result<()> {
        run::run(self, OWNER, &steps(self.engine())).await.map(|_| ())
    }

    /// Creates the library's own tables and those of the given entities with their schemas, where they are missing.
    /// Existing tables are left as they are. Any number of processes may call this at once.
    ///
    /// # Errors
    /// Those of the database, and [`Error::Usage`](crate::Error::Usage) when two entities have different tables that are
    /// one, as [`check_tables`](Self::check_tables) says; then nothing was created.
    pub async fn create_tables(&self, entities: &[&'static EntityDef]) -> Result<()> {
        self.create_library_tables().await?;
        self.create_tables_of(entities).await
    }

    /// The tables of the entities alone.
    pub(crate) async fn create_tables_of(&self, entities: &[&'static EntityDef]) -> Result<()> {
        if entities.is_empty() {
            return Ok(());
        }
        self.learn(entities);
        self.transaction(async |tx| {
            let executor = tx.executor();
            if executor.engine() == Engine::Postgres {
                executor.fetch_all(Access::Write, LOCK, executor.args(), None).await?;
            }
            let ordered = crate::entity::in_order_of_references(entities);
            create_schemas(&executor, &ordered).await?;
            for entity in &ordered {
                executor.execute_script(SqlText::built(entity.table_ddl(executor.engine()))).await?;
            }
            expect_several_tables(&executor, &ordered).await
        })
        .await
    }

    /// The version of the library's own tables, and how many migrations of services were applied.
    pub(in crate::db) async fn schema_state(&self) -> (Option<u32>, Option<u64>) {
        const COUNTS: &str = "SELECT CAST(count(CASE WHEN owner = '@shared' THEN 1 END) AS bigint), \
             CAST(count(CASE WHEN owner <> '@shared' THEN 1 END) AS bigint) FROM shared_migrations";
        let executor = self.executor();
        let counts = executor.fetch_optional(Access::Read, COUNTS, executor.args(), None).await;
        let Ok(Some(row)) = counts else { return (None, None) };
        let count = |index| row.required::<i64>(index).ok();
        (count(0).and_then(|n| u32::try_from(n).ok()), count(1).and_then(|n| u64::try_from(n).ok()))
    }

    /// Refuses a database whose library tables are older than this program.
    pub(crate) async fn expect_library_tables(&self) -> Result<()> {
        let (layout, _) = self.schema_state().await;
        match layout {
            Some(layout) if layout >= LAYOUT => Ok(()),
            _ => Err(failure::unmigrated("the tables of the library itself are missing or older than this program")),
        }
    }
}

/// Whoever may create tables in a schema may not create schemas: nothing is tried where they are there.
async fn create_schemas(executor: &Executor, entities: &[&'static EntityDef]) -> Result<()> {
    const EXISTS: &str = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    if executor.engine() != Engine::Postgres {
        return Ok(());
    }
    let schemas: BTreeSet<&str> = entities.iter().filter_map(|entity| entity.schema()).collect();
    for schema in schemas {
        let mut args = executor.args();
        schema.to_owned().bind(&mut args);
        if executor.fetch_optional(Access::Read, EXISTS, args, None).await?.is_none() {
            executor.execute_script(SqlText::built(crate::entity::create_schema(schema))).await?;
        }
    }
    Ok(())
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_later_layout_is_reached_from_an_earlier_one_once() {
        let db = Db::connect("sqlite::memory:").await.unwrap();
        db.create_library_tables().await.unwrap();
        let next = LAYOUT + 1;
        let later = || {
            let steps = STEPS.iter().zip(1..).map(|(step, version)| Source::step(version, step.sqlite));
            let last = Source::step(next, "ALTER TABLE shared_inbox ADD COLUMN later TEXT");
            Migrations::of(steps.chain([last]).collect())
        };
        assert_eq!(run::run(&db, OWNER, &later()).await.unwrap(), [format!("{next:04}_library.sql")]);
        assert!(run::run(&db, OWNER, &later()).await.unwrap().is_empty());
        assert_eq!(db.schema_state().await, (Some(next), Some(0)));
        db.create_library_tables().await.expect("the program of before still works with it");
    }
}
