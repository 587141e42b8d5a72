//! One migration on Postgres, by one process at a time.

use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _};

use super::super::files::Migration;
use super::{INSERT, TABLE, applied, failed, waiting};
use crate::Tx;
use crate::db::executor::{Access, Executor};
use crate::db::{Db, Engine};
use crate::entity::EntityValue as _;
use crate::error::{Error, Result};

/// Held to the end of the transaction, so that it works behind PgBouncer too. Asked for without waiting: a waiting
/// statement would hold a snapshot, which keeps `CREATE INDEX CONCURRENTLY` from its end.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock(7809917286538507)";

const ASK: Duration = Duration::from_millis(50);

/// Applies the first migration that waits; `None` when somebody else has applied the last one meanwhile.
pub(super) async fn next(db: &Db, owner: &str, all: &[Migration]) -> Result<Option<String>> {
    let tx = locked(db).await?;
    let result = apply(&tx, owner, all).await;
    tx.end(result).await
}

async fn locked(db: &Db) -> Result<Tx> {
    let mut asked: u32 = 0;
    loop {
        let tx = Tx::begin(db).await?;
        let executor = tx.executor();
        let got = executor.fetch_optional(Access::Write, LOCK, executor.args(), None).await?;
        if got.map_or(Ok(false), |row| row.required(0))? {
            return Ok(tx);
        }
        tx.rollback().await?;
        asked += 1;
        if asked.is_multiple_of(200) {
            tracing::info!("waiting for another process that migrates the database");
        }
        tokio::time::sleep(ASK).await;
    }
}

async fn apply(tx: &Tx, owner: &str, all: &[Migration]) -> Result<Option<String>> {
    let executor = tx.executor();
    executor.execute_script(TABLE.postgres).await?;
    super::super::library::adopt(&executor, owner, all).await?;
    let Some(migration) = waiting(all, &applied(&executor, owner).await?)?.into_iter().next() else { return Ok(None) };
    if migration.is_outside() {
        outside(tx.db(), migration).await?;
    } else {
        // a file may change the path, as dumps do
        let settings = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '30s'";
        tx.postgres(async |connection| {
            sqlx::raw_sql(settings).execute(&mut *connection).await?;
            for (statement, number) in migration.statements().iter().zip(1..) {
                let sql = sqlx::AssertSqlSafe(statement.text);
                let done = sqlx::raw_sql(sql).execute(&mut *connection).await;
                done.map_err(|error| failed(migration, number, statement, error, Engine::Postgres))?;
            }
            Ok(())
        })
        .await?;
    }
    note(&executor, owner, migration).await?;
    Ok(Some(migration.name.clone()))
}

pub(in super::super) async fn note(executor: &Executor, owner: &str, migration: &Migration) -> Result<()> {
    let mut args = executor.args();
    owner.to_owned().bind(&mut args);
    migration.version.bind(&mut args);
    migration.name.bind(&mut args);
    migration.checksum.bind(&mut args);
    executor.execute(INSERT.text(executor.engine()), args, None).await.map(|_| ())
}

/// On a connection of its own, while the transaction holds the lock.
async fn outside(db: &Db, migration: &Migration) -> Result<()> {
    let options = (*db.postgres_source().pool().connect_options()).clone();
    let connected = options.connect().await;
    let mut connection = connected.map_err(Error::from)?;
    let settings = sqlx::raw_sql("SET statement_timeout = 0").execute(&mut connection).await;
    settings.map_err(Error::from)?;
    for (statement, number) in migration.statements().iter().zip(1..) {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.text)).execute(&mut connection).await;
        done.map_err(|error| {
            let error = failed(migration, number, statement, error, Engine::Postgres);
            tracing::warn!(
                "a statement outside of a transaction may have left something behind, such as an invalid index"
            );
            error
        })?;
    }
    let _the_server_notices_anyway = connection.close().await;
    Ok(())
}
