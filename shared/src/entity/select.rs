//! Statements about the rows that a filter finds. Nothing here is generic over an entity.

use chrono::{DateTime, Utc};

use super::column::OrderBy;
use super::def::EntityDef;
use super::filter::Node;
use super::keyset::{Position, complete};
use super::lock::Lock;
use super::output::{Columns, Selected};
use super::role::bind_actor;
use super::statement::Statement;
use crate::db::{Args, Engine, SqlText};
use crate::error::Result;

/// Which rows of which table.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) of: &'static EntityDef,
    pub(super) filter: Option<Node>,
    pub(super) with_deleted: bool,
}

impl Rows {
    pub(super) fn all(of: &'static EntityDef, with_deleted: bool) -> Self {
        Self { of, filter: None, with_deleted }
    }

    pub(super) fn and(&mut self, node: Node) {
        self.filter = Some(match self.filter.take() {
            Some(filter) => Node::join(filter, node, true),
            None => node,
        });
    }

    /// All columns of all rows, in any order.
    pub(super) fn select(&self, engine: Engine) -> (SqlText, Args) {
        self.read(engine, &Reading::new(self.of, Columns::All))
    }

    /// `SELECT … FROM … WHERE … ORDER BY … LIMIT …`
    pub(super) fn read(&self, engine: Engine, reading: &Reading<'_>) -> (SqlText, Args) {
        let mut statement = Statement::new(engine);
        self.reading(reading, &mut statement);
        statement.finish()
    }

    /// The same, with the number of rows that the filter finds as a last column. There is a row also where nothing
    /// is read: then all other columns are NULL.
    pub(super) fn read_with_total(&self, engine: Engine, reading: &Reading<'_>) -> (SqlText, Args) {
        let mut statement = Statement::new(engine);
        statement.push("SELECT ");
        reading.columns.render(&mut statement);
        // no column has a space in its name
        statement.push(", \"the total\" FROM (SELECT count(*) AS \"the total\"");
        self.from(&mut statement);
        statement.push(") AS \"counted\" LEFT JOIN (");
        self.reading(reading, &mut statement);
        statement.push(") AS \"page\" ON 1 = 1");
        order(reading.order, &mut statement);
        statement.finish()
    }

    fn reading(&self, reading: &Reading<'_>, statement: &mut Statement) {
        statement.push("SELECT ");
        reading.columns.render(statement);
        statement.push(" FROM ");
        statement.table(self.of);
        let word = self.conditions(statement);
        if let Some(ids) = reading.only {
            let id = self.of.id_column();
            statement.push(word);
            statement.name(id.name);
            for (i, value) in ids.iter().enumerate() {
                statement.push(if i == 0 { " IN (" } else { ", " });
                statement.placeholder().add_raw(value, id.shape.ty);
            }
            statement.push(")");
        }
        if let Some(position) = reading.after {
            statement.push(word);
            position.after(reading.order, statement);
        }
        order(reading.order, statement);
        if let Some(limit) = reading.limit {
            statement.push(" LIMIT ");
            statement.value(&limit);
        }
        // SQLite has one writer at a time, and a transaction is it
        if let Some(lock) = reading.lock.filter(|_| statement.engine() == Engine::Postgres) {
            statement.push(lock.sql());
        }
    }

    /// What makes this the same query: its table, its order and its filter with all values.
    pub(super) fn identity(&self, engine: Engine, order: &[OrderBy]) -> Result<Vec<u8>> {
        let mut statement = Statement::identity();
        statement.push(engine.as_str());
        self.from(&mut statement);
        self::order(order, &mut statement);
        statement.into_identity()
    }

    pub(super) fn count(&self, engine: Engine) -> (SqlText, Args) {
        let mut statement = Statement::new(engine);
        statement.push("SELECT count(*)");
        self.from(&mut statement);
        statement.finish()
    }

    pub(super) fn exists(&self, engine: Engine) -> (SqlText, Args) {
        let mut statement = Statement::new(engine);
        statement.push("SELECT 1");
        self.from(&mut statement);
        statement.push(" LIMIT 1");
        statement.finish()
    }

    fn from(&self, statement: &mut Statement) {
        statement.push(" FROM ");
        statement.table(self.of);
        self.condition(statement);
    }

    /// `WHERE …`, if there is a condition.
    pub(super) fn condition(&self, statement: &mut Statement) {
        self.conditions(statement);
    }

    /// The same; returns the word that another condition would begin with.
    fn conditions(&self, statement: &mut Statement) -> &'static str {
        let mut word = " WHERE ";
        if let Some(filter) = &self.filter {
            statement.push(word);
            filter.render(statement);
            word = " AND ";
        }
        if let Some(column) = self.of.roles.deleted_at.filter(|_| !self.with_deleted) {
            statement.push(word);
            statement.name(column);
            statement.push(" IS NULL");
            word = " AND ";
        }
        word
    }

    /// Deletes the rows, or marks them as deleted.
    pub(super) fn delete(&self, engine: Engine) -> (SqlText, Args) {
        self.deletion(engine).finish()
    }

    /// The same, returning the rows.
    pub(super) fn delete_returning(&self, engine: Engine) -> (SqlText, Args) {
        let mut statement = self.deletion(engine);
        statement.push(" RETURNING ");
        statement.push(self.of.sql.columns);
        statement.finish()
    }

    fn deletion(&self, engine: Engine) -> Statement {
        let mut statement = Statement::new(engine);
        match self.of.roles.deleted_at {
            None => {
                statement.push("DELETE FROM ");
                statement.table(self.of);
            }
            Some(column) => {
                statement.push("UPDATE ");
                statement.table(self.of);
                statement.push(" SET ");
                statement.name(column);
                statement.push(" = ");
                let now = crate::time::now();
                statement.value(&now);
                touch(self.of, now, &mut statement);
            }
        }
        self.condition(&mut statement);
        statement
    }

    /// The rows, locked until the transaction ends: in the order of their ids, so that two writers of the same rows
    /// wait for each other and do not deadlock. A transaction on SQLite has the whole database to itself.
    pub(super) fn select_to_change(&self, engine: Engine) -> (SqlText, Args) {
        let order = complete(self.of, &[]);
        self.read(engine, &Reading { order: &order, lock: Some(Lock::Wait), ..Reading::new(self.of, Columns::All) })
    }
}

/// How rows are read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) columns: Selected,
    /// Complete, or empty.
    pub(super) order: &'a [OrderBy],
    /// Only rows after this position in the order.
    pub(super) after: Option<&'a Position>,
    /// Only rows with these ids, of which there is at least one.
    pub(super) only: Option<&'a [&'a [u8]]>,
    pub(super) limit: Option<i64>,
    pub(super) lock: Option<Lock>,
}

impl Reading<'_> {
    /// These columns of all rows, in any order.
    pub(super) fn new(of: &'static EntityDef, columns: Columns) -> Self {
        Self { columns: Selected::new(of, columns), order: &[], after: None, only: None, limit: None, lock: None }
    }
}

fn order(order: &[OrderBy], statement: &mut Statement) {
    for (i, by) in order.iter().enumerate() {
        statement.push(if i == 0 { " ORDER BY " } else { ", " });
        statement.name(by.column);
        if by.descending {
            statement.push(" DESC");
        }
        // Postgres' own order of NULL, which its indexes have; SQLite has the opposite one
        if by.nullable && statement.engine() == Engine::Sqlite {
            statement.push(if by.descending { " NULLS FIRST" } else { " NULLS LAST" });
        }
    }
}

/// `, "updated_at" = now, "version" = "version" + 1`, as far as the entity has them.
pub(super) fn touch(def: &EntityDef, now: DateTime<Utc>, statement: &mut Statement) {
    if let Some(column) = def.roles.updated_at {
        statement.push(", ");
        statement.name(column);
        statement.push(" = ");
        statement.value(&now);
    }
    if let Some(column) = def.roles.updated_by {
        statement.push(", ");
        statement.name(column);
        statement.push(" = ");
        bind_actor(def, column, statement.placeholder());
    }
    if let Some(column) = def.roles.version {
        statement.push(", ");
        statement.name(column);
        statement.push(" = ");
        statement.name(column);
        statement.push(" + 1");
    }
}
