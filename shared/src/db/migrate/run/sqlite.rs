//! One migration on SQLite, by one process at a time.

use sqlx::SqliteConnection;

use super::super::files::Migration;
use super::{Applied, INSERT, TABLE, failed, waiting};
use crate::db::executor::Access;
use crate::db::failure::classify;
use crate::db::lease::Lease;
use crate::db::{Db, Engine};
use crate::error::{Error, Result};

/// Applies the first migration that waits; `None` when somebody else has applied the last one meanwhile.
pub(super) async fn next(db: &Db, owner: &str, all: &[Migration]) -> Result<Option<String>> {
    let (db, owner, all) = (db.clone(), owner.to_owned(), all.to_vec());
    // in a task of its own, so that a caller who goes away leaves no connection without foreign keys
    let task = tokio::spawn(async move {
        let mut lease = Lease::<sqlx::Sqlite>::acquire(db.sqlite_pool(Access::Write)).await.map_err(translate)?;
        run(lease.connection(), "PRAGMA foreign_keys = OFF").await?;
        let result = apply(&mut lease, &owner, &all).await;
        if result.is_err() {
            lease.rollback().await.map_err(translate)?;
        }
        run(lease.connection(), "PRAGMA foreign_keys = ON").await?;
        result
    });
    task.await.map_err(|_| Error::Unavailable { what: "the runtime is shutting down".into(), source: None })?
}

fn translate(error: sqlx::Error) -> Error {
    classify(error, Engine::Sqlite, None)
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map(|_| ()).map_err(translate)
}

async fn apply(lease: &mut Lease<sqlx::Sqlite>, owner: &str, all: &[Migration]) -> Result<Option<String>> {
    // a migration of another process may take longer than anybody waits otherwise
    while let Err(error) = lease.begin("BEGIN IMMEDIATE").await.map_err(translate) {
        match error {
            Error::Busy { .. } => tracing::info!("waiting for another process that uses the database file"),
            error => return Err(error),
        }
    }
    let connection = lease.connection();
    run(connection, TABLE.sqlite).await?;
    super::super::library::adopt_on_sqlite(connection, owner, all).await?;
    let Some(migration) = waiting(all, &applied(connection, owner).await?)?.into_iter().next() else {
        lease.commit().await.map_err(translate)?;
        return Ok(None);
    };
    if migration.is_outside() {
        let help = "take the first line out, or make it a file for Postgres: `.postgres.sql`";
        return Err(migration.error("SQLite runs every migration in a transaction", help));
    }
    for (statement, number) in migration.statements().iter().zip(1..) {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.text)).execute(&mut *connection).await;
        done.map_err(|error| failed(migration, number, statement, error, Engine::Sqlite))?;
    }
    let dangling: Option<(String, Option<i64>, String, i64)> =
        sqlx::query_as("PRAGMA foreign_key_check").fetch_optional(&mut *connection).await.map_err(translate)?;
    if let Some((table, _, target, _)) = dangling {
        return Err(migration.error(
            format!("after it, rows of `{table}` refer to rows of `{target}` that are not there"),
            "nothing of this file was applied; make it keep or correct those rows, and start again",
        ));
    }
    note(connection, owner, migration).await?;
    let name = migration.name.clone();
    lease.commit().await.map_err(translate)?;
    Ok(Some(name))
}

pub(in super::super) async fn applied(connection: &mut SqliteConnection, owner: &str) -> Result<Vec<Applied>> {
    let sql = "SELECT version, name, checksum FROM shared_migrations WHERE owner = $1 ORDER BY version";
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as(sql).bind(owner).fetch_all(connection).await.map_err(translate)?;
    Ok(rows.into_iter().map(|(version, name, checksum)| Applied { version, name, checksum }).collect())
}

pub(in super::super) async fn note(
    connection: &mut SqliteConnection,
    owner: &str,
    migration: &Migration,
) -> Result<()> {
    let insert = sqlx::query(INSERT.sqlite).bind(owner).bind(migration.version);
    let insert = insert.bind(&migration.name).bind(&migration.checksum);
    insert.execute(connection).await.map(|_| ()).map_err(translate)
}
