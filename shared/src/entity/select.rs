//! Statements about the rows that a filter finds. Nothing here is generic over an entity.

use chrono::{DateTime, Utc};

use super::column::OrderBy;
use super::def::EntityDef;
use super::filter::Node;
use super::role::bind_actor;
use super::statement::Statement;
use crate::db::{Args, Engine, SqlText};

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

    /// `SELECT … FROM … WHERE … ORDER BY … LIMIT …`
    pub(super) fn select(&self, engine: Engine, order: &[OrderBy], limit: Option<i64>) -> (SqlText, Args) {
        let mut statement = Statement::new(engine);
        statement.push("SELECT ");
        statement.push(self.of.sql.columns);
        self.from(&mut statement);
        self.order(order, &mut statement);
        if let Some(limit) = limit {
            statement.push(" LIMIT ");
            statement.value(&limit);
        }
        statement.finish()
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
        statement.name(self.of.table);
        self.condition(statement);
    }

    /// `WHERE …`, if there is a condition.
    pub(super) fn condition(&self, statement: &mut Statement) {
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
        }
    }

    fn order(&self, order: &[OrderBy], statement: &mut Statement) {
        if order.is_empty() {
            return;
        }
        let id = OrderBy { column: self.of.roles.id, descending: false, nullable: false };
        // by the id at the end: rows that are equal in everything else come in the same order every time
        let by_id = (!order.iter().any(|by| by.column == id.column)).then_some(&id);
        for (i, by) in order.iter().chain(by_id).enumerate() {
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
                statement.name(self.of.table);
            }
            Some(column) => {
                statement.push("UPDATE ");
                statement.name(self.of.table);
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
        let mut statement = Statement::new(engine);
        statement.push("SELECT ");
        statement.push(self.of.sql.columns);
        self.from(&mut statement);
        self.order(&[OrderBy { column: self.of.roles.id, descending: false, nullable: false }], &mut statement);
        if engine == Engine::Postgres {
            statement.push(" FOR UPDATE");
        }
        statement.finish()
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
