//! Which foreign key it was that refused a write. SQLite says only that there is one.
//!
//! For rows that were written, the statement is run again, with the keys left to the end of the transaction; what the
//! rows refer to is looked up, and all is undone. For rows to be deleted, those are followed that would go with them,
//! and whoever still refers to one of them is found. Nothing of a row leaves this file.

use std::collections::{BTreeSet, VecDeque};

use sqlx::sqlite::SqliteArguments;
use sqlx::{Row as _, SqliteConnection};

use super::dialect::{Args, ArgsInner, SqlText};
use super::failure::Names;
use super::schema::sql::quote;

/// A foreign key, by its table and its columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
}

/// A write of an entity's rows.
pub(super) struct Write<'a> {
    pub(super) names: &'a Names,
    pub(super) sql: SqlText,
    pub(super) args: Args,
}

/// The key that refused the write, in the transaction that it was in or in one of its own.
pub(super) async fn of_write(connection: &mut SqliteConnection, write: Write<'_>) -> sqlx::Result<Option<Broken>> {
    let Write { names, sql, args } = write;
    #[allow(clippy::infallible_destructuring_match)] // there may be another engine
    let args = match args.inner {
        ArgsInner::Sqlite(args) => args,
        #[cfg(feature = "postgres")]
        ArgsInner::Postgres(_) => return Ok(None),
    };
    let (sql, table) = (sql.into_sql(), quote(names.table));
    let columns: Vec<String> = names.columns.iter().map(|column| quote(column.name)).collect();
    let returning = format!(" RETURNING {}", columns.join(", "));
    let sql = sql.as_str().strip_suffix(returning.as_str()).unwrap_or(sql.as_str());
    let rowid = rowid(connection, names.table).await?;
    if let Some(rest) = sql.strip_prefix(&format!("DELETE FROM {table}")) {
        let doomed = numbers(connection, format!("SELECT {rowid} FROM {table}{rest}"), args).await?;
        return of_deletion(connection, names.table, doomed).await;
    }
    run(connection, "SAVEPOINT broken_key; PRAGMA defer_foreign_keys = ON").await?;
    let found = match numbers(connection, format!("{sql} RETURNING {rowid}"), args).await {
        Ok(written) => of_written(connection, names, rowid, written).await,
        Err(error) => Err(error),
    };
    run(connection, "ROLLBACK TO broken_key; RELEASE broken_key; PRAGMA defer_foreign_keys = OFF").await?;
    found
}

/// The key that refuses the commit.
pub(super) async fn of_commit(connection: &mut SqliteConnection) -> sqlx::Result<Option<Broken>> {
    let found = sqlx::query("SELECT \"table\", fkid FROM pragma_foreign_key_check LIMIT 1");
    let Some(found) = found.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let (table, id): (String, i64) = (found.try_get(0)?, found.try_get(1)?);
    let columns = sqlx::query_scalar("SELECT \"from\" FROM pragma_foreign_key_list($1) WHERE id = $2 ORDER BY seq");
    let columns = columns.bind(&table).bind(id).fetch_all(connection).await?;
    Ok(Some(Broken { table, columns }))
}

/// One foreign key of a table.
#[derive(Debug)]
struct Key {
    id: i64,
    table: String,
    columns: Vec<String>,
    target: String,
    target_columns: Vec<String>,
    on_delete: String,
}

impl Key {
    /// That a row `c` of the table refers to the row `p`.
    fn refers(&self) -> String {
        // the other table's column first: its collation counts
        let equal = self.target_columns.iter().zip(&self.columns);
        let equal: Vec<String> = equal.map(|(to, from)| format!("p.{} = c.{}", quote(to), quote(from))).collect();
        equal.join(" AND ")
    }

    /// That a row `c` of the table refers to a row that is not there.
    fn refers_to_nothing(&self) -> String {
        let known: String = self.columns.iter().map(|column| format!("c.{} IS NOT NULL AND ", quote(column))).collect();
        format!("{known}NOT EXISTS (SELECT 1 FROM {} AS p WHERE {})", quote(&self.target), self.refers())
    }

    fn broken(self) -> Broken {
        Broken { table: self.table, columns: self.columns }
    }
}

/// Those of a table, in the order of their declaration.
const OF_TABLE: &str = "SELECT $1, f.id, f.\"from\", f.\"table\", coalesce(f.\"to\", ''), f.on_delete
FROM pragma_foreign_key_list($1) AS f ORDER BY f.id DESC, f.seq";

/// Those that refer to a table, in the order in which their tables were made.
const TO_TABLE: &str = "SELECT s.name, f.id, f.\"from\", f.\"table\", coalesce(f.\"to\", ''), f.on_delete
FROM sqlite_schema AS s JOIN pragma_foreign_key_list(s.name) AS f
WHERE s.type = 'table' AND f.\"table\" = $1 COLLATE NOCASE ORDER BY s.rowid, f.id DESC, f.seq";

async fn keys(connection: &mut SqliteConnection, sql: &'static str, table: &str) -> sqlx::Result<Vec<Key>> {
    let mut keys: Vec<Key> = Vec::new();
    for row in sqlx::query(sql).bind(table).fetch_all(&mut *connection).await? {
        let (table, id, target): (String, i64, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(3)?);
        if keys.last().is_none_or(|key| (key.id, &key.table) != (id, &table)) {
            let (columns, target_columns) = (Vec::new(), Vec::new());
            keys.push(Key { id, table, columns, target, target_columns, on_delete: row.try_get(5)? });
        }
        let Some(key) = keys.last_mut() else { continue };
        key.columns.push(row.try_get(2)?);
        key.target_columns.push(row.try_get(4)?);
    }
    for key in &mut keys {
        // a target without columns is the primary key
        if key.target_columns.iter().any(String::is_empty) {
            let primary = sqlx::query_scalar("SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk");
            key.target_columns = primary.bind(&key.target).fetch_all(&mut *connection).await?;
        }
    }
    Ok(keys)
}

/// The key by which one of these rows of the entity's table refers to nothing: that of the first row, and there the first.
async fn of_written(
    connection: &mut SqliteConnection,
    names: &Names,
    rowid: &str,
    written: Vec<i64>,
) -> sqlx::Result<Option<Broken>> {
    let (table, list) = (quote(names.table), list(&written));
    let mut first: Option<(i64, Key)> = None;
    for key in keys(connection, OF_TABLE, names.table).await? {
        let sql = format!(
            "SELECT min(w.key) FROM json_each($1) AS w JOIN {table} AS c ON c.{rowid} = w.value WHERE {}",
            key.refers_to_nothing()
        );
        let place: Option<i64> = query(sql).bind(&list).fetch_one(&mut *connection).await?.try_get(0)?;
        if let Some(place) = place.filter(|place| first.as_ref().is_none_or(|(first, _)| place < first)) {
            first = Some((place, key));
        }
    }
    if let Some((_, key)) = first {
        return Ok(Some(key.broken()));
    }
    // no write changes an id, but somebody may refer to other columns
    for key in keys(connection, TO_TABLE, names.table).await? {
        if key.target_columns != [names.id] {
            let sql = format!("SELECT 1 FROM {} AS c WHERE {} LIMIT 1", quote(&key.table), key.refers_to_nothing());
            if query(sql).fetch_optional(&mut *connection).await?.is_some() {
                return Ok(Some(key.broken()));
            }
        }
    }
    Ok(None)
}

/// The key by which a row still refers to one of those that are to be deleted, or that would go with them.
async fn of_deletion(connection: &mut SqliteConnection, table: &str, rows: Vec<i64>) -> sqlx::Result<Option<Broken>> {
    let mut doomed: Vec<(String, BTreeSet<i64>)> = vec![(table.to_owned(), rows.iter().copied().collect())];
    let mut next = VecDeque::from([(table.to_owned(), rows)]);
    while let Some((target, rows)) = next.pop_front() {
        for key in keys(connection, TO_TABLE, &target).await? {
            if key.on_delete != "CASCADE" {
                continue;
            }
            let (of_target, own) = (rowid(connection, &target).await?, rowid(connection, &key.table).await?);
            let sql = format!("SELECT c.{own} {}", referring(&key, of_target));
            let found: Vec<i64> = numbers_of(query(sql).bind(list(&rows)).fetch_all(&mut *connection).await?)?;
            let place = doomed.iter().position(|(table, _)| table.eq_ignore_ascii_case(&key.table));
            let place = place.unwrap_or_else(|| {
                doomed.push((key.table.clone(), BTreeSet::new()));
                doomed.len() - 1
            });
            let Some((_, known)) = doomed.get_mut(place) else { continue };
            let new: Vec<i64> = found.into_iter().filter(|row| known.insert(*row)).collect();
            if !new.is_empty() {
                next.push_back((key.table, new));
            }
        }
    }
    for (target, rows) in &doomed {
        for key in keys(connection, TO_TABLE, target).await? {
            if !matches!(key.on_delete.as_str(), "NO ACTION" | "RESTRICT") {
                continue;
            }
            let of_target = rowid(connection, target).await?;
            let mut sql = format!("SELECT 1 {}", referring(&key, of_target));
            let gone = doomed.iter().find(|(table, _)| table.eq_ignore_ascii_case(&key.table));
            // what goes as well does not count, unless the deletion is refused at once
            let gone = gone.filter(|_| key.on_delete == "NO ACTION").map(|(_, rows)| list(rows));
            if gone.is_some() {
                let own = rowid(connection, &key.table).await?;
                sql.push_str(&format!(" AND c.{own} NOT IN (SELECT value FROM json_each($2))"));
            }
            sql.push_str(" LIMIT 1");
            let mut asked = query(sql).bind(list(rows));
            if let Some(gone) = gone {
                asked = asked.bind(gone);
            }
            if asked.fetch_optional(&mut *connection).await?.is_some() {
                return Ok(Some(key.broken()));
            }
        }
    }
    Ok(None)
}

/// `FROM … WHERE …`: the rows `c` that refer to those of the target that are listed.
fn referring(key: &Key, of_target: &str) -> String {
    format!(
        "FROM json_each($1) AS w JOIN {} AS p ON p.{of_target} = w.value JOIN {} AS c ON {} WHERE 1 = 1",
        quote(&key.target),
        quote(&key.table),
        key.refers()
    )
}

/// What the number of a row is called in a table: none of its columns.
async fn rowid(connection: &mut SqliteConnection, table: &str) -> sqlx::Result<&'static str> {
    let columns = sqlx::query_scalar("SELECT lower(name) FROM pragma_table_info($1)").bind(table);
    let columns: Vec<String> = columns.fetch_all(connection).await?;
    let free = |name: &&str| !columns.iter().any(|column| column == name);
    Ok(["rowid", "_rowid_", "oid"].into_iter().find(free).unwrap_or("rowid"))
}

fn list<'a>(numbers: impl IntoIterator<Item = &'a i64>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(i64::to_string).collect();
    format!("[{}]", numbers.join(","))
}

async fn numbers(connection: &mut SqliteConnection, sql: String, args: SqliteArguments) -> sqlx::Result<Vec<i64>> {
    let rows = sqlx::query_with(SqlText::built(sql).into_sql(), args).persistent(false);
    numbers_of(rows.fetch_all(connection).await?)
}

fn numbers_of(rows: Vec<sqlx::sqlite::SqliteRow>) -> sqlx::Result<Vec<i64>> {
    rows.iter().map(|row| row.try_get(0)).collect()
}

fn query(sql: String) -> sqlx::query::Query<'static, sqlx::Sqlite, SqliteArguments> {
    sqlx::query(SqlText::built(sql).into_sql()).persistent(false)
}

async fn run(connection: &mut SqliteConnection, script: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(script).execute(connection).await.map(|_| ())
}
