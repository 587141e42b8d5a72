//! As temporary tables of a transaction that is rolled back.

use std::collections::HashMap;

use super::Statements;
use crate::db::executor::{Access, Executor};
use crate::db::schema::sql::{Kind, quote, statements, tokens};
use crate::db::schema::table::{Table, TableName};
use crate::db::{Db, Engine, SqlText};
use crate::error::{Error, Result};

pub(super) async fn tables(db: &Db, all: &[Statements]) -> Result<Vec<Option<Table>>> {
    let tx = crate::Tx::begin(db).await?;
    let tables = as_temporary(&tx.executor(), all).await;
    tx.rollback().await?;
    tables.map_err(|error| match &error {
        Error::Database(refused) if refused.code.as_deref() == Some("42501") => Error::config(
            "DATABASE_URL",
            "the user may not create temporary tables, by which declarations are compared with the live tables",
            "run `GRANT TEMPORARY ON DATABASE … TO …`, or set `DATABASE_CHECK_TABLES=false` and run `check` as another user",
        ),
        _ => error,
    })
}

async fn as_temporary(executor: &Executor, all: &[Statements]) -> Result<Vec<Option<Table>>> {
    // a table that is created without a schema goes to the first one of the path
    let path = "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true)";
    executor.fetch_all(Access::Read, path, executor.args(), None).await?;
    let schemas: Vec<&str> = all.iter().filter_map(|one| one.name.schema.as_deref()).collect();
    for one in all {
        for statement in statements(&one.ddl, Engine::Postgres) {
            if tokens(statement.text, Engine::Postgres).get(1).is_some_and(|token| token.is("SCHEMA")) {
                continue;
            }
            executor.execute_script(SqlText::built(without_schemas(statement.text, &schemas))).await?;
        }
    }
    let real: HashMap<String, &TableName> = all.iter().map(|one| (temporary(&one.name), &one.name)).collect();
    let mut tables = Vec::new();
    for one in all {
        let name = TableName { schema: None, table: temporary(&one.name) };
        let mut table = crate::db::schema::postgres::read(executor, &name).await?;
        for key in table.iter_mut().flat_map(|table| &mut table.foreign_keys) {
            if let Some(target) = real.get(&key.target.table) {
                key.target = (*target).clone();
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

/// What a table is called among the temporary ones, which have one schema.
fn temporary(name: &TableName) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}__{}", name.table),
        None => name.table.clone(),
    }
}

fn without_schemas(statement: &str, schemas: &[&str]) -> String {
    let tokens = tokens(statement, Engine::Postgres);
    let (mut text, mut from, mut at) = (String::with_capacity(statement.len()), 0, 0);
    while at < tokens.len() {
        if let [schema, dot, table, ..] = &tokens[at..]
            && matches!(schema.kind, Kind::Name | Kind::Word)
            && dot.is_symbol(".")
            && schemas.contains(&schema.name().as_str())
        {
            text.push_str(&statement[from..schema.at]);
            text.push_str(&quote(&format!("{}__{}", schema.name(), table.name())));
            from = table.end();
            at += 3;
        } else {
            at += 1;
        }
    }
    text.push_str(&statement[from..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_become_part_of_names() {
        let sql = "CREATE INDEX \"a.b\" ON \"clinic\".\"rooms\" (x) WHERE y = 'clinic.rooms' AND clinic.rooms.z";
        assert_eq!(
            without_schemas(sql, &["clinic"]),
            "CREATE INDEX \"a.b\" ON \"clinic__rooms\" (x) WHERE y = 'clinic.rooms' AND \"clinic__rooms\".z"
        );
    }
}
