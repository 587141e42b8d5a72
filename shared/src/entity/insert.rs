//! Inserting many rows: one array per column on Postgres, many rows of values on SQLite.

use super::def::EntityDef;
use super::filter::SQLITE_MAX_LIST;
use crate::db::{Args, Engine, Executor, SqlText};
use crate::error::Result;

/// Rows of one statement. More of them gain nothing, and hold all of their encoded form in memory at once.
const POSTGRES_ROWS: usize = 10_000;
const SQLITE_ROWS: usize = 1_000;

pub(super) fn rows_per_statement(def: &EntityDef, engine: Engine) -> usize {
    match engine {
        Engine::Postgres => POSTGRES_ROWS,
        Engine::Sqlite => (SQLITE_MAX_LIST / def.columns.len().max(1)).clamp(1, SQLITE_ROWS),
    }
}

/// The statement that inserts so many rows.
pub(super) fn many(def: &EntityDef, engine: Engine, rows: usize) -> SqlText {
    many_and(def, engine, rows, "")
}

/// The same, with something at the end: what to do when a key is taken.
pub(super) fn many_and(def: &EntityDef, engine: Engine, rows: usize, tail: &str) -> SqlText {
    use std::fmt::Write as _;
    let mut sql = format!("INSERT INTO {} ({}) ", def.quoted_table(engine), def.sql.columns);
    // writing to a string cannot fail
    match engine {
        Engine::Postgres => {
            sql.push_str("SELECT * FROM UNNEST(");
            for (i, column) in def.columns.iter().enumerate() {
                let comma = if i == 0 { "" } else { ", " };
                let _infallible = write!(sql, "{comma}${}::{}[]", i + 1, column.shape.ty.sql(engine));
            }
            sql.push(')');
        }
        Engine::Sqlite => {
            // bare parameters: looking up thousands of names takes longer than inserting the rows
            let row = format!("({})", vec!["?"; def.columns.len()].join(", "));
            let _infallible = write!(sql, "VALUES {}", vec![row.as_str(); rows].join(", "));
        }
    }
    sql.push_str(tail);
    SqlText::built(sql)
}

/// A statement, and how it is made once more.
pub(super) struct Insertion<A> {
    statement: (SqlText, Args),
    again: A,
}

impl<A: Fn() -> (SqlText, Args)> Insertion<A> {
    pub(super) fn new(again: A) -> Self {
        Self { statement: again(), again }
    }
}

/// Runs the statements in one transaction; a single one is one already.
pub(super) async fn all_or_none<A: Fn() -> (SqlText, Args)>(
    executor: &Executor,
    def: &'static EntityDef,
    insertions: Vec<Insertion<A>>,
) -> Result<()> {
    match executor {
        Executor::Db(db) if insertions.len() > 1 => {
            db.transaction(async |tx| run(&tx.executor(), def, insertions).await).await
        }
        executor => run(executor, def, insertions).await,
    }
}

async fn run<A: Fn() -> (SqlText, Args)>(
    executor: &Executor,
    def: &'static EntityDef,
    insertions: Vec<Insertion<A>>,
) -> Result<()> {
    for Insertion { statement: (sql, args), again } in insertions {
        let done = executor.execute(sql, args, Some(&def.names)).await;
        executor.explained(done, &def.names, again).await?;
    }
    Ok(())
}
