//! Claims: which process does what only one may do at a time. On Postgres, where processes can be anywhere.
//!
//! A holder counts up its `beat` all the time. Who sees a beat stand still for long enough, by a clock of their own, takes
//! over with the next `fence`. No clock of the server or of another machine has a say in it. A holder whose connection to
//! the server is gone is given less time: its process has died, most likely.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use super::fence::{Fence, lock_of};
use super::{Db, Engine, failure};
use crate::error::{Error, Result};

/// The longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(3);

/// A claim as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) held: bool,
    pub(crate) fence: i64,
    pub(crate) beat: i64,
    /// Whether the connection is there by which the beat was counted.
    pub(crate) connected: bool,
}

/// The claims of a database, by way of a connection of their own: nobody who waits for one of the pool's loses a claim.
pub(crate) struct Claims {
    db: Db,
    holder: Uuid,
    connection: Option<PgConnection>,
}

impl Claims {
    /// For a holder.
    pub(crate) fn new(db: Db, holder: Uuid) -> Self {
        Self { db, holder, connection: None }
    }

    /// Counts up the beat of everything this holder has; returns the fences.
    pub(crate) async fn renew(&mut self) -> Result<HashMap<String, i64>> {
        let sql = format!(
            "UPDATE shared_claims SET beat = beat + 1, backend = pg_backend_pid() WHERE holder = '{}' RETURNING name, fence::text",
            self.holder
        );
        let rows = self.run(sql).await?;
        Ok(rows.iter().map(|row| (text(row, 0), number(row, 1))).collect())
    }

    /// All claims of the database.
    pub(crate) async fn look(&mut self) -> Result<HashMap<String, Seen>> {
        let sql = "SELECT name, (holder IS NOT NULL)::int::text, fence::text, beat::text, \
             (backend IN (SELECT pid FROM pg_stat_activity))::int::text FROM shared_claims";
        let rows = self.run(sql.to_owned()).await?;
        let seen = |row: &PgRow| Seen {
            held: number(row, 1) == 1,
            fence: number(row, 2),
            beat: number(row, 3),
            connected: number(row, 4) == 1,
        };
        Ok(rows.iter().map(|row| (text(row, 0), seen(row))).collect())
    }

    /// Takes a claim that is still as it was seen; the new fence, or `None` when somebody else was faster.
    pub(crate) async fn take(&mut self, name: &str, seen: Option<&Seen>) -> Result<Option<Fence>> {
        let holder = self.holder;
        let sql = match seen {
            Some(Seen { fence, beat, .. }) => format!(
                "UPDATE shared_claims SET holder = '{holder}', backend = pg_backend_pid(), fence = fence + 1, beat = beat + 1 \
                 WHERE name = '{name}' AND fence = {fence} AND beat = {beat} RETURNING fence::text"
            ),
            None => format!(
                "INSERT INTO shared_claims (name, holder, backend, fence, beat) \
                 VALUES ('{name}', '{holder}', pg_backend_pid(), 1, 0) \
                 ON CONFLICT (name) DO NOTHING RETURNING fence::text"
            ),
        };
        let rows = self.run(sql).await?;
        Ok(rows.first().map(|row| Fence { claim: Arc::from(name), number: number(row, 0) }))
    }

    /// How many transactions of earlier holders are still open. From the take-over on there are no new ones.
    pub(crate) async fn open(&mut self, name: &str) -> Result<usize> {
        self.run(format!("SELECT pid::text FROM pg_locks WHERE {}", held(name))).await.map(|rows| rows.len())
    }

    /// Ends them from here, by closing their connections: a process that is stopped would keep them open for ever.
    pub(crate) async fn end_open(&mut self, name: &str) -> Result<()> {
        let sql = format!("SELECT pg_terminate_backend(pid)::text FROM pg_locks WHERE {}", held(name));
        self.run(sql).await.map(|_| ())
    }

    /// Lets others have it at once.
    pub(crate) async fn release(&mut self, name: &str) -> Result<()> {
        let sql = format!(
            "UPDATE shared_claims SET holder = NULL, beat = beat + 1 WHERE name = '{name}' AND holder = '{}'",
            self.holder
        );
        self.run(sql).await.map(|_| ())
    }

    /// Forgets a claim that nobody can want any more.
    pub(crate) async fn forget(&mut self, name: &str, seen: &Seen) -> Result<()> {
        let Seen { fence, beat, .. } = seen;
        let sql = format!("DELETE FROM shared_claims WHERE name = '{name}' AND fence = {fence} AND beat = {beat}");
        self.run(sql).await.map(|_| ())
    }

    /// Runs a statement in one round trip, which also PgBouncer lets through whole. Names are of letters, digits and a
    /// few signs, see `durable_name`.
    async fn run(&mut self, sql: String) -> Result<Vec<PgRow>> {
        let work = async {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(connect(&self.db).await?),
            };
            sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *connection).await
        };
        let ended = tokio::time::timeout(ANSWER, work).await;
        if !matches!(ended, Ok(Ok(_))) {
            // nobody knows what is on its way in it
            self.connection = None;
        }
        match ended {
            Ok(result) => result.map_err(|error| failure::classify(error, Engine::Postgres, None)),
            Err(_) => Err(Error::Timeout { what: "the database" }),
        }
    }

    /// Closes its connection.
    pub(crate) async fn close(self) {
        if let Some(connection) = self.connection {
            let _ended_anyway = tokio::time::timeout(ANSWER, connection.close()).await;
        }
    }
}

async fn connect(db: &Db) -> sqlx::Result<PgConnection> {
    let options = (*db.postgres_source().pool().connect_options()).clone();
    PgConnection::connect_with(&options).await
}

/// The locks of a claim's transactions, of this database.
fn held(name: &str) -> String {
    let (class, object) = lock_of(name);
    // the catalog has them without a sign
    let (class, object) = (class.cast_unsigned(), object.cast_unsigned());
    format!(
        "locktype = 'advisory' AND objsubid = 2 AND classid::text = '{class}' AND objid::text = '{object}' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}

fn text(row: &PgRow, index: usize) -> String {
    row.try_get(index).unwrap_or_default()
}

/// Read as text: what the protocol of scripts has anyway.
fn number(row: &PgRow, index: usize) -> i64 {
    text(row, index).parse().unwrap_or_default()
}
