//! Updates: which columns get which value.

use super::def::EntityDef;
use super::filter::Node;
use super::select::{Rows, touch};
use super::statement::Statement;
use super::value::EntityValue;
use crate::db::{Args, Engine, SqlText};
use crate::validate::Validate;

/// What an update changes: the columns that were set. Derived along with [`Entity`](super::Entity).
pub trait EntityPatch: Validate + Default + Send + Sync + 'static {
    /// For generated code: adds the columns that were set.
    #[doc(hidden)]
    fn assign(&self, set: &mut Assignments);
}

/// `UPDATE … SET …` under construction.
///
/// The text is joined out of constants, so that it names only the columns that were set. Measured for one column of
/// ten, that takes 0.93 (Postgres) and 0.96 (SQLite) of the time of one constant text that names all of them behind
/// `CASE` flags, although the latter needs no joining.
pub struct Assignments {
    statement: Statement,
    is_empty: bool,
}

impl std::fmt::Debug for Assignments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assignments").field("is_empty", &self.is_empty).finish_non_exhaustive()
    }
}

impl Assignments {
    pub(super) fn new(def: &EntityDef, engine: Engine) -> Self {
        let mut statement = Statement::new(engine);
        statement.push("UPDATE ");
        statement.name(def.table);
        Self { statement, is_empty: true }
    }

    /// For generated code: sets a column, if there is a value for it.
    #[doc(hidden)]
    pub fn column<T>(&mut self, name: &'static str, value: &Option<T>, bind: fn(&T, &mut Args)) {
        if let Some(value) = value {
            bind(value, self.set(name));
        }
    }

    /// For generated code: sets a column of a value that has several.
    #[doc(hidden)]
    pub fn part<T: EntityValue>(&mut self, name: &'static str, value: &T) {
        value.bind(self.set(name));
    }

    fn set(&mut self, name: &'static str) -> &mut Args {
        self.statement.push(if self.is_empty { " SET " } else { ", " });
        self.is_empty = false;
        self.statement.name(name);
        self.statement.push(" = ");
        self.statement.placeholder()
    }

    /// Whether no column was set.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// The update of one row, which it returns.
    pub(super) fn returning(self, rows: &Rows) -> (SqlText, Args) {
        let mut statement = self.condition(rows);
        statement.push(" RETURNING ");
        statement.push(rows.of.sql.columns);
        statement.finish()
    }

    /// The update of any number of rows.
    pub(super) fn all(self, rows: &Rows) -> (SqlText, Args) {
        self.condition(rows).finish()
    }

    fn condition(mut self, rows: &Rows) -> Statement {
        touch(rows.of, crate::time::now(), &mut self.statement);
        rows.condition(&mut self.statement);
        self.statement
    }
}

/// The row with this id, in this version if it has one.
pub(super) fn one_row(mut rows: Rows, id: Node, version: Option<Node>) -> Rows {
    rows.and(id);
    if let Some(version) = version {
        rows.and(version);
    }
    rows
}
