//! Tables as SQLite describes them: by its pragmas, and by the statements that made them where those say nothing.

use super::normal::{checks, normalised};
use super::sql::{CreateTable, Token, tokens};
use super::table::{Check, Column, ForeignKey, Key, Table, TableName};
use crate::db::executor::{Access, Executor};
use crate::db::{Engine, Row};
use crate::entity::EntityValue as _;
use crate::error::Result;

const TABLE: &str = "
SELECT l.strict, l.wr, s.sql FROM pragma_table_list l JOIN sqlite_schema s ON s.type = 'table' AND s.name = l.name
WHERE l.schema = 'main' AND l.type = 'table' AND l.name = $1";

const COLUMNS: &str = "SELECT name, upper(type), \"notnull\", dflt_value IS NOT NULL OR hidden > 1, pk
FROM pragma_table_xinfo($1) ORDER BY cid";

const KEYS: &str = "
SELECT l.name, l.\"unique\", l.origin, coalesce(s.sql, ''), x.cid, coalesce(x.name, ''), x.\"desc\", x.coll
FROM pragma_index_list($1) l JOIN pragma_index_xinfo(l.name) x ON x.key
LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = l.name
ORDER BY l.name, x.seqno";

const FOREIGN_KEYS: &str = "
SELECT id, \"table\", \"from\", coalesce(\"to\", ''), on_delete, on_update FROM pragma_foreign_key_list($1) ORDER BY id, seq";

const BELONGINGS: &str = "
SELECT name, sql FROM sqlite_schema WHERE tbl_name = $1 AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY name";

/// A table, if it is there.
pub(super) async fn read(executor: &Executor, name: &TableName) -> Result<Option<Table>> {
    let ask = async |sql: &'static str, name: &str| {
        let mut args = executor.args();
        name.to_owned().bind(&mut args);
        executor.fetch_all(Access::Read, sql, args, None).await
    };
    let found = ask(TABLE, &name.table).await?;
    let Some(found) = found.first() else { return Ok(None) };
    let (strict, without_rowid): (i64, i64) = (found.required(0)?, found.required(1)?);
    let made_by: String = found.required(2)?;
    let mut table = Table { strict: strict != 0, ..Table::default() };

    let mut primary_key: Vec<(i64, String)> = Vec::new();
    for row in ask(COLUMNS, &name.table).await? {
        let position: i64 = row.required(4)?;
        let column = column(&row, position > 0 && without_rowid != 0, &made_by)?;
        if position > 0 {
            primary_key.push((position, column.name.clone()));
        }
        table.columns.push(column);
    }
    primary_key.sort();
    table.primary_key = primary_key.into_iter().map(|(_, column)| column).collect();
    // an integer that is the key by itself is the row's number, which is never NULL
    if let [only] = table.primary_key.as_slice()
        && let Some(column) = table.columns.iter_mut().find(|column| column.name == *only && column.ty == "INTEGER")
    {
        column.nullable = false;
    }

    table.keys = keys(&ask(KEYS, &name.table).await?)?;
    let mut last = None;
    for row in ask(FOREIGN_KEYS, &name.table).await? {
        let id: i64 = row.required(0)?;
        if last != Some(id) {
            table.foreign_keys.push(foreign_key(&row)?);
            last = Some(id);
        }
        if let Some(key) = table.foreign_keys.last_mut() {
            key.columns.push(row.required(2)?);
            key.target_columns.push(row.required(3)?);
        }
    }
    for key in &mut table.foreign_keys {
        // a target without columns is the primary key
        if key.target_columns.iter().any(String::is_empty) {
            let columns =
                ask("SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk", &key.target.table).await?;
            key.target_columns = columns.iter().map(|row| row.required(0)).collect::<Result<_>>()?;
        }
    }
    table.foreign_keys.sort_by(|a, b| a.columns.cmp(&b.columns));
    let checks = checks(&made_by);
    table.checks = checks.into_iter().map(|(name, expression)| Check { name, expression }).collect();
    for row in ask(BELONGINGS, &name.table).await? {
        table.belongings.push((row.required(0)?, row.required(1)?));
    }
    table.made_by = Some(made_by);
    Ok(Some(table))
}

fn column(row: &Row, key_without_rowid: bool, made_by: &str) -> Result<Column> {
    let (name, ty, not_null): (String, String, i64) = (row.required(0)?, row.required(1)?, row.required(2)?);
    let has_default: i64 = row.required(3)?;
    let create = CreateTable::parse(made_by, Engine::Sqlite);
    let item = create.as_ref().and_then(|create| create.column(&name)).map_or("", |item| &item.text);
    let words = tokens(item, Engine::Sqlite);
    let collation =
        words.iter().position(|token| token.is("COLLATE")).and_then(|at| words.get(at + 1)).map(Token::name);
    let ty = match collation {
        Some(collation) if !collation.eq_ignore_ascii_case("BINARY") => format!("{ty} COLLATE {collation}"),
        _ => ty,
    };
    Ok(Column { name, ty, nullable: not_null == 0 && !key_without_rowid, has_default: has_default != 0 })
}

fn keys(rows: &[Row]) -> Result<Vec<Key>> {
    let mut keys: Vec<Key> = Vec::new();
    for row in rows {
        let (name, unique, origin, sql): (String, i64, String, String) =
            (row.required(0)?, row.required(1)?, row.required(2)?, row.required(3)?);
        if origin == "pk" {
            continue;
        }
        if keys.last().is_none_or(|key| key.name != name) {
            let predicate = parts_of(&sql).1;
            let (unique, constraint) = (unique != 0, origin == "u");
            keys.push(Key { name, unique, columns: Vec::new(), predicate, remarks: String::new(), constraint });
        }
        let Some(key) = keys.last_mut() else { continue };
        let (number, column, descending, collation): (i64, String, i64, String) =
            (row.required(4)?, row.required(5)?, row.required(6)?, row.required(7)?);
        // an expression has no name; its collation and direction are in its text
        let text = if number == -2 {
            parts_of(&sql).0.get(key.columns.len()).cloned().unwrap_or_default()
        } else {
            let collation = if collation == "BINARY" { String::new() } else { format!(" COLLATE {collation}") };
            format!("{column}{collation}{}", if descending != 0 { " DESC" } else { "" })
        };
        key.columns.push(text);
    }
    Ok(keys)
}

/// The columns of a `CREATE INDEX` and its predicate, normalised.
fn parts_of(sql: &str) -> (Vec<String>, String) {
    let tokens = tokens(sql, Engine::Sqlite);
    let Some(open) = tokens.iter().position(|token| token.is_symbol("(")) else { return Default::default() };
    let (mut columns, mut depth, mut from) = (Vec::new(), 0, open + 1);
    let piece = |from: usize, to: usize| match (tokens.get(from), tokens.get(to.wrapping_sub(1))) {
        (Some(first), Some(last)) if from < to => normalised(&sql[first.at..last.end()]),
        _ => String::new(),
    };
    let mut close = tokens.len();
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth -= 1;
        }
        if depth == 0 || depth == 1 && token.is_symbol(",") {
            columns.push(piece(from, at));
            from = at + 1;
        }
        if depth == 0 {
            close = at;
            break;
        }
    }
    let predicate = match tokens.get(close + 1) {
        Some(token) if token.is("WHERE") => piece(close + 2, tokens.len()),
        _ => String::new(),
    };
    (columns, predicate)
}

fn foreign_key(row: &Row) -> Result<ForeignKey> {
    let (on_delete, on_update): (String, String) = (row.required(4)?, row.required(5)?);
    let mut actions = Vec::new();
    for (action, what) in [(on_delete, "DELETE"), (on_update, "UPDATE")] {
        if action != "NO ACTION" {
            actions.push(format!("ON {what} {action}"));
        }
    }
    Ok(ForeignKey {
        name: None,
        columns: Vec::new(),
        target: TableName { schema: None, table: row.required(1)? },
        target_columns: Vec::new(),
        actions: actions.join(" "),
    })
}
