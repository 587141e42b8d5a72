//! Applying what has not been applied.

#[cfg(feature = "postgres")]
pub(super) mod postgres;
#[cfg(feature = "sqlite")]
pub(super) mod sqlite;

use super::files::{Migration, Migrations};
use crate::db::executor::{Access, Executor};
use crate::db::schema::sql::Statement;
use crate::db::{Db, Engine, Sql};
use crate::entity::EntityValue as _;
use crate::error::{Error, Result};

/// What was applied.
const TABLE: Sql = Sql {
    postgres: "CREATE TABLE IF NOT EXISTS shared_migrations (
    owner text NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL,
    CONSTRAINT shared_migrations_pkey PRIMARY KEY (owner, version)
)",
    sqlite: "CREATE TABLE IF NOT EXISTS shared_migrations (
    owner TEXT NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    PRIMARY KEY (owner, version)
) STRICT, WITHOUT ROWID",
};

pub(super) const EXISTS: Sql = Sql {
    postgres: "SELECT 1 WHERE to_regclass($1) IS NOT NULL",
    sqlite: "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1",
};

const INSERT: Sql = Sql {
    postgres: "INSERT INTO shared_migrations (owner, version, name, checksum, applied_at) VALUES ($1, $2, $3, $4, now())",
    sqlite: "INSERT INTO shared_migrations (owner, version, name, checksum, applied_at) \
             VALUES ($1, $2, $3, $4, strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now'))",
};

pub(super) struct Applied {
    version: i64,
    name: String,
    checksum: String,
}

/// Applies what is missing; see [`Db::migrate`].
pub(super) async fn run(db: &Db, owner: &str, migrations: &Migrations) -> Result<Vec<String>> {
    db.allows(Access::Write)?;
    let engine = db.engine();
    let all = migrations.of_engine(engine)?;
    let mut names = Vec::new();
    // without any lock, for the usual case that there is nothing to do
    while let Some(first) = waiting(&all, &applied(&db.executor(), owner).await?)?.first().copied() {
        let version = first.version;
        let name = match engine {
            #[cfg(feature = "postgres")]
            Engine::Postgres => postgres::next(db, owner, &all).await?,
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => sqlite::next(db, owner, &all).await?,
            #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
            _ => unreachable!("a `Db` of an engine that is not compiled in cannot be made"),
        };
        if let Some(name) = name {
            tracing::info!(owner, version, migration = %name, "applied");
            names.push(name);
        }
    }
    Ok(names)
}

pub(super) async fn pending(db: &Db, owner: &str, migrations: &Migrations) -> Result<Vec<String>> {
    let all = migrations.of_engine(db.engine())?;
    let applied = applied(&db.executor(), owner).await?;
    Ok(waiting(&all, &applied)?.into_iter().map(|migration| migration.name.clone()).collect())
}

/// Those that have not been applied; an error when what was applied is not what is there.
fn waiting<'a>(all: &'a [Migration], applied: &[Applied]) -> Result<Vec<&'a Migration>> {
    let newest = applied.iter().map(|done| done.version).max().unwrap_or(i64::MIN);
    let known = all.last().map_or(i64::MIN, |last| last.version);
    // one that is newer than all was applied by a newer program, which is about to take this one's place
    if let Some(gone) =
        applied.iter().find(|done| done.version <= known && all.iter().all(|one| one.version != done.version))
    {
        return Err(Error::config(
            format!("migration `{}`", gone.name),
            "it was applied to this database, and is not there any more",
            "put the file back; to undo what it did, write a new one",
        ));
    }
    let mut waiting = Vec::new();
    for migration in all {
        match applied.iter().find(|done| done.version == migration.version) {
            Some(done) if done.checksum == migration.checksum => {}
            Some(done) => {
                return Err(migration.error(
                    format!("it was changed after it was applied (as `{}`) to this database", done.name),
                    "restore the file as it was, from version control, and put the change into a new one",
                ));
            }
            None if migration.version < newest => {
                return Err(migration.error(
                    format!("number {newest} was applied before it, so it would run in another order than elsewhere"),
                    format!("give it a number above {newest}"),
                ));
            }
            None => waiting.push(migration),
        }
    }
    Ok(waiting)
}

pub(super) async fn exists(executor: &Executor, table: &str) -> Result<bool> {
    let mut args = executor.args();
    table.to_owned().bind(&mut args);
    let sql = EXISTS.text(executor.engine());
    Ok(executor.fetch_optional(Access::Read, sql, args, None).await?.is_some())
}

pub(super) async fn applied(executor: &Executor, owner: &str) -> Result<Vec<Applied>> {
    if !exists(executor, "shared_migrations").await? {
        return Ok(Vec::new());
    }
    let sql = "SELECT version, name, checksum FROM shared_migrations WHERE owner = $1 ORDER BY version";
    let mut args = executor.args();
    owner.to_owned().bind(&mut args);
    let rows = executor.fetch_all(Access::Read, sql, args, None).await?;
    let done = |row: &crate::db::Row| {
        Ok(Applied { version: row.required(0)?, name: row.required(1)?, checksum: row.required(2)? })
    };
    rows.iter().map(done).collect()
}

/// Says which statement failed, and why as far as the engine's words are about the statement and not about rows.
fn failed(
    migration: &Migration,
    number: usize,
    statement: &Statement<'_>,
    error: sqlx::Error,
    engine: Engine,
) -> Error {
    let (mut line, mut said) = (statement.line, String::new());
    if let sqlx::Error::Database(database) = &error {
        let code = database.code().unwrap_or_default();
        // syntax, names and types: they quote nothing but the statement, which is a source text
        let quotes_source = match engine {
            Engine::Postgres => code.starts_with("42"),
            Engine::Sqlite => code == "1",
        };
        if quotes_source {
            said = format!(": {}", database.message());
        }
        line += lines_before(&**database, statement.text);
    }
    let classified = crate::db::failure::classify(error, engine, None);
    migration.error(
        format!("statement {number} (line {line}) failed: {classified}{said}"),
        "nothing of this file was applied; correct it and start again",
    )
}

#[cfg(feature = "postgres")]
fn lines_before(error: &(dyn sqlx::error::DatabaseError + 'static), statement: &str) -> usize {
    use sqlx::postgres::{PgDatabaseError, PgErrorPosition};
    let position = error.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::position);
    match position {
        Some(PgErrorPosition::Original(at)) => {
            statement.chars().take(at.saturating_sub(1)).filter(|c| *c == '\n').count()
        }
        _ => 0,
    }
}

#[cfg(not(feature = "postgres"))]
fn lines_before(_error: &(dyn sqlx::error::DatabaseError + 'static), _statement: &str) -> usize {
    0
}
