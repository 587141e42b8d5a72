//! As temporary tables of a transaction that is rolled back.

use std::collections::HashMap;

use super::Statements;
use crate::db::executor::{Access, Executor};
use crate::db::schema::sql::{Kind, quote, quote_literal, statements, tokens};
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
    let places = Places::of(all.iter().map(|one| &one.name));
    let mut tables = Vec::new();
    for one in all {
        for statement in statements(&one.ddl, Engine::Postgres) {
            if tokens(statement.text, Engine::Postgres).get(1).is_some_and(|token| token.is("SCHEMA")) {
                continue;
            }
            executor.execute_script(SqlText::built(places.without_schemas(statement.text))).await?;
        }
        let name = TableName { schema: None, table: places.temporary(&one.name) };
        let mut table = crate::db::schema::postgres::read(executor, &name).await?;
        for key in table.iter_mut().flat_map(|table| &mut table.foreign_keys) {
            if let Some(target) = places.real(&key.target.table) {
                key.target = target.clone();
            }
        }
        tables.push(table);
        if places.has_schemas() {
            executor.execute_script(SqlText::built(free_names(&name))).await?;
        }
    }
    Ok(tables)
}

/// Gives the indexes of a table that was read names which are in nobody's way: all temporary tables are in one schema.
fn free_names(table: &TableName) -> String {
    let name = quote_literal(&table.quoted());
    format!(
        "DO $$ DECLARE found record; BEGIN \
         FOR found IN SELECT indexrelid FROM pg_index WHERE indrelid = {name}::regclass LOOP \
         EXECUTE format('ALTER INDEX %s RENAME TO %I', found.indexrelid::regclass, 'index ' || found.indexrelid); \
         END LOOP; END $$"
    )
}

/// What tables are called among the temporary ones, which have one schema.
struct Places<'a>(HashMap<&'a TableName, usize>);

impl<'a> Places<'a> {
    fn of(names: impl Iterator<Item = &'a TableName>) -> Self {
        let mut numbers = HashMap::new();
        for name in names {
            let next = numbers.len();
            numbers.entry(name).or_insert(next);
        }
        Self(numbers)
    }

    fn has_schemas(&self) -> bool {
        self.0.keys().any(|name| name.schema.is_some())
    }

    /// No table of an entity has a blank in its name.
    fn temporary(&self, name: &TableName) -> String {
        match (&name.schema, self.0.get(name)) {
            (Some(_), Some(number)) => format!("table {number}"),
            _ => name.table.clone(),
        }
    }

    fn real(&self, temporary: &str) -> Option<&'a TableName> {
        self.0.keys().copied().find(|name| self.temporary(name) == temporary)
    }

    fn without_schemas(&self, statement: &str) -> String {
        let tokens = tokens(statement, Engine::Postgres);
        let (mut text, mut from, mut at) = (String::with_capacity(statement.len()), 0, 0);
        while at < tokens.len() {
            if let [schema, dot, table, ..] = &tokens[at..]
                && matches!(schema.kind, Kind::Name | Kind::Word)
                && dot.is_symbol(".")
                && let name = (TableName { schema: Some(schema.name()), table: table.name() })
                && self.0.contains_key(&name)
            {
                text.push_str(&statement[from..schema.at]);
                text.push_str(&quote(&self.temporary(&name)));
                from = table.end();
                at += 3;
            } else {
                at += 1;
            }
        }
        text.push_str(&statement[from..]);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_become_part_of_names() {
        let sql = "CREATE INDEX \"a.b\" ON \"clinic\".\"rooms\" (x) WHERE y = 'clinic.rooms' AND clinic.rooms.z";
        let rooms = TableName { schema: Some("clinic".into()), table: "rooms".into() };
        let places = Places::of([&rooms].into_iter());
        assert_eq!(
            places.without_schemas(sql),
            "CREATE INDEX \"a.b\" ON \"table 0\" (x) WHERE y = 'clinic.rooms' AND \"table 0\".z"
        );
        assert_eq!(places.real("table 0"), Some(&rooms));
    }
}
