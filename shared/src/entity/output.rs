//! What is read of each row that a query finds: the entity, a projection, or one column.

use super::column::Column;
use super::def::EntityDef;
use super::projection::Projection;
use super::statement::Statement;
use super::value::EntityValue;
use super::{Entity, named};
use crate::db::Row;
use crate::error::Result;

/// Which columns are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Columns {
    /// All, in the order of the definition.
    All,
    Some(&'static [&'static str]),
    One(&'static str),
}

impl Columns {
    /// The columns' names, in the order in which they are read.
    fn position(self, of: &EntityDef, column: &str) -> Option<usize> {
        match self {
            Self::All => of.columns.iter().position(|def| def.name == column),
            Self::Some(names) => names.iter().position(|name| *name == column),
            Self::One(name) => (name == column).then_some(0),
        }
    }

    fn name(self, of: &EntityDef, index: usize) -> Option<&'static str> {
        match self {
            Self::All => of.columns.get(index).map(|def| def.name),
            Self::Some(names) => names.get(index).copied(),
            Self::One(name) => (index == 0).then_some(name),
        }
    }

    fn len(self, of: &EntityDef) -> usize {
        match self {
            Self::All => of.columns.len(),
            Self::Some(names) => names.len(),
            Self::One(_) => 1,
        }
    }
}

/// The columns of a `SELECT`: those that are asked for, and those that are needed besides.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    of: &'static EntityDef,
    asked: Columns,
    besides: Vec<&'static str>,
}

impl Selected {
    pub(super) fn new(of: &'static EntityDef, asked: Columns) -> Self {
        Self { of, asked, besides: Vec::new() }
    }

    /// The position of a column in the row, which is read from now on if it was not.
    pub(super) fn position(&mut self, column: &'static str) -> usize {
        let asked = self.asked.len(self.of);
        let besides = || self.besides.iter().position(|name| *name == column).map(|position| asked + position);
        self.asked.position(self.of, column).or_else(besides).unwrap_or_else(|| {
            self.besides.push(column);
            asked + self.besides.len() - 1
        })
    }

    pub(super) fn len(&self) -> usize {
        self.asked.len(self.of) + self.besides.len()
    }

    pub(super) fn render(&self, statement: &mut Statement) {
        let mut names = |names: &[&str]| {
            for (i, name) in names.iter().enumerate() {
                if i > 0 {
                    statement.push(", ");
                }
                statement.name(name);
            }
        };
        match self.asked {
            Columns::All => statement.push(self.of.sql.columns),
            Columns::Some(asked) => names(asked),
            Columns::One(name) => names(&[name]),
        }
        for name in &self.besides {
            statement.push(", ");
            statement.name(name);
        }
    }
}

/// Which columns are read, and as what.
pub(super) struct Output<O> {
    pub(super) columns: Columns,
    of: &'static EntityDef,
    read: fn(&Row) -> Result<O>,
}

impl<O> Clone for Output<O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Output<O> {}

impl<O> Output<O> {
    pub(super) fn entity() -> Self
    where
        O: Entity,
    {
        Self { columns: Columns::All, of: O::DEF, read: O::from_row }
    }

    pub(super) fn projection<E: Entity>() -> Self
    where
        O: Projection<E>,
    {
        Self { columns: Columns::Some(O::COLUMNS), of: E::DEF, read: O::from_row }
    }

    pub(super) fn value<E: Entity, R>(column: Column<E, O, R>) -> Self
    where
        O: EntityValue,
    {
        Self { columns: Columns::One(column.name), of: E::DEF, read: |row| O::read(row, 0) }
    }

    /// Reads a row; an error names entity and field.
    pub(super) fn read(&self, row: &Row) -> Result<O> {
        (self.read)(row).map_err(|error| named(error, self.of, |index| self.columns.name(self.of, index)))
    }
}
