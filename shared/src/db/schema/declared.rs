//! The tables that entities declare, as the database itself describes them.
//!
//! The statements of each declaration run in a place of their own, in memory on SQLite, as temporary tables of a
//! transaction that is rolled back on Postgres, and what came of them is read as the live tables are. So the engine says
//! what is equal: `int4` and `integer`, `IN ('a', 'b')` and `= ANY (ARRAY['a', 'b'])`.

use std::collections::HashMap;

use super::sql::{CreateTable, Kind, quote, statements, tokens};
use super::table::{Table, TableName};
use crate::db::executor::Executor;
use crate::db::{Db, Engine, SqlText};
use crate::entity::{EntityDef, in_order_of_references};
use crate::error::{Error, Result};

/// An entity and the table that it declares.
pub(super) struct Declared {
    pub(super) entity: &'static EntityDef,
    pub(super) name: TableName,
    /// All statements that make it.
    pub(super) ddl: String,
    pub(super) create: CreateTable,
    pub(super) table: Table,
}

/// An entity's statements, and what its table is called.
struct Statements {
    entity: &'static EntityDef,
    name: TableName,
    create: CreateTable,
    ddl: String,
}

impl Statements {
    fn of(entity: &'static EntityDef, engine: Engine) -> Result<Self> {
        let ddl = entity.ddl(engine);
        let create = statements(&ddl, engine).iter().find_map(|statement| CreateTable::parse(statement.text, engine));
        let named = create.and_then(|create| Some((TableName::of(&create)?, create)));
        let Some((name, create)) = named else {
            return Err(Error::Usage(format!("the statements of `{}` make no table", entity.name).into()));
        };
        Ok(Self { entity, name, create, ddl })
    }
}

/// Everything that the entities refer to, each once, those before that others refer to.
fn with_targets(entities: &[&'static EntityDef]) -> Vec<&'static EntityDef> {
    let mut all: Vec<&'static EntityDef> = entities.to_vec();
    let mut next = 0;
    while let Some(entity) = all.get(next).copied() {
        for reference in entity.references {
            let target = (reference.target)();
            if !all.iter().any(|known| known.table == target.table && known.name == target.name) {
                all.push(target);
            }
        }
        next += 1;
    }
    in_order_of_references(&all)
}

/// What the entities declare, on the engine of this database.
pub(super) async fn declared(db: &Db, entities: &[&'static EntityDef]) -> Result<Vec<Declared>> {
    let engine = db.engine();
    let all: Vec<Statements> =
        with_targets(entities).into_iter().map(|entity| Statements::of(entity, engine)).collect::<Result<_>>()?;
    let tables = match engine {
        Engine::Postgres => on_postgres(db, &all).await?,
        Engine::Sqlite => on_sqlite(&all).await?,
    };
    let asked =
        |entity: &EntityDef| entities.iter().any(|asked| asked.table == entity.table && asked.name == entity.name);
    let mut found = Vec::new();
    for (Statements { entity, name, create, ddl }, table) in all.into_iter().zip(tables) {
        let Some(table) = table else {
            return Err(Error::Usage(format!("the statements of `{}` make no table", entity.name).into()));
        };
        if asked(entity) {
            found.push(Declared { entity, name, ddl, create, table });
        }
    }
    Ok(found)
}

#[cfg(not(feature = "postgres"))]
async fn on_postgres(_db: &Db, _all: &[Statements]) -> Result<Vec<Option<Table>>> {
    unreachable!("a `Db` of an engine that is not compiled in cannot be made")
}

#[cfg(feature = "postgres")]
async fn on_postgres(db: &Db, all: &[Statements]) -> Result<Vec<Option<Table>>> {
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

#[cfg(feature = "postgres")]
async fn as_temporary(executor: &Executor, all: &[Statements]) -> Result<Vec<Option<Table>>> {
    // a table that is created without a schema goes to the first one of the path
    let path = "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true)";
    executor.fetch_all(crate::db::executor::Access::Read, path, executor.args(), None).await?;
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
        let mut table = super::postgres::read(executor, &name).await?;
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
#[cfg(feature = "postgres")]
fn temporary(name: &TableName) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}__{}", name.table),
        None => name.table.clone(),
    }
}

#[cfg(feature = "postgres")]
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

#[cfg(not(feature = "sqlite"))]
async fn on_sqlite(_all: &[Statements]) -> Result<Vec<Option<Table>>> {
    unreachable!("a `Db` of an engine that is not compiled in cannot be made")
}

#[cfg(feature = "sqlite")]
async fn on_sqlite(all: &[Statements]) -> Result<Vec<Option<Table>>> {
    let place = Db::connect("sqlite::memory:").await?;
    let executor: Executor = place.executor();
    let mut tables = Vec::new();
    for one in all {
        executor.execute_script(SqlText::built(one.ddl.clone())).await?;
    }
    for one in all {
        tables.push(super::sqlite::read(&executor, &one.name).await?);
    }
    place.close().await;
    Ok(tables)
}

#[cfg(all(test, feature = "postgres"))]
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
