//! The tables that entities declare, as the database itself describes them.
//!
//! The statements of each declaration run in a place of their own, in memory on SQLite, as temporary tables of a
//! transaction that is rolled back on Postgres, and what came of them is read as the live tables are. So the engine says
//! what is equal: `int4` and `integer`, `IN ('a', 'b')` and `= ANY (ARRAY['a', 'b'])`.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use super::sql::{CreateTable, statements};
use super::table::{Table, TableName};
use crate::db::{Db, Engine};
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
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::tables(db, &all).await?,
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::tables(&all).await?,
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        _ => unreachable!("a `Db` of an engine that is not compiled in cannot be made"),
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
