//! SQL that is joined out of constants at run time: the only place where that happens.

use std::fmt::Write as _;

use super::def::{EntityDef, quoted_table};
use super::value::EntityValue;
use crate::db::{Args, Engine, SqlText};
use crate::error::Result;

/// A statement under construction: its text and the arguments so far, in step.
pub(crate) struct Statement {
    pub(super) sql: String,
    pub(super) args: Args,
}

impl Statement {
    pub(super) fn new(engine: Engine) -> Self {
        Self { sql: String::with_capacity(256), args: Args::new(engine) }
    }

    /// A statement that is never run: it stands for the identity of a query.
    pub(super) fn identity() -> Self {
        Self { sql: String::with_capacity(256), args: Args::identity() }
    }

    /// Text and values as bytes: the same if, and only if, both are the same.
    ///
    /// # Errors
    /// A value cannot be encoded.
    pub(super) fn into_identity(self) -> Result<Vec<u8>> {
        if let Some(error) = self.args.failed {
            return Err(error);
        }
        let values = self.args.into_identity();
        let mut bytes = (self.sql.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(self.sql.as_bytes());
        bytes.extend(values);
        Ok(bytes)
    }

    /// Goes on from a text and the arguments in it.
    pub(super) fn from_parts(sql: String, args: Args) -> Self {
        Self { sql, args }
    }

    pub(super) fn engine(&self) -> Engine {
        self.args.engine()
    }

    pub(super) fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// A name of a table, column or constraint. Names are checked by the derive: they contain no quotes.
    pub(super) fn name(&mut self, name: &str) {
        quoted(&mut self.sql, name);
    }

    /// The table of an entity.
    pub(super) fn table(&mut self, of: &EntityDef) {
        let engine = self.engine();
        quoted_table(&mut self.sql, engine, of.table);
    }

    /// A placeholder, to be followed by binding its value.
    pub(super) fn placeholder(&mut self) -> &mut Args {
        placeholder(&mut self.sql, self.args.engine(), self.args.len() + 1);
        &mut self.args
    }

    pub(super) fn value(&mut self, value: &impl EntityValue) {
        value.bind(self.placeholder());
    }

    pub(super) fn finish(self) -> (SqlText, Args) {
        (SqlText::built(self.sql), self.args)
    }
}

/// A name of a table, column or constraint.
pub(super) fn quoted(sql: &mut String, name: &str) {
    sql.push('"');
    sql.push_str(name);
    sql.push('"');
}

/// The placeholder of a statement's `number`th argument.
///
/// SQLite takes `$1` for a name, and looks names up one by one: with thousands of them that is most of the statement's
/// time. A bare `?` has no name.
pub(super) fn placeholder(sql: &mut String, engine: Engine, number: usize) {
    match engine {
        Engine::Postgres => {
            // writing to a string cannot fail
            let _infallible = write!(sql, "${number}");
        }
        Engine::Sqlite => sql.push('?'),
    }
}
