//! What a table is made of, as a database knows it.

use super::sql::{CreateTable, quote};

/// A table's name, with that of its schema if it is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TableName {
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

impl TableName {
    pub(super) fn of(create: &CreateTable) -> Option<Self> {
        match create.name.as_slice() {
            [table] => Some(Self { schema: None, table: table.clone() }),
            [schema, table] => Some(Self { schema: Some(schema.clone()), table: table.clone() }),
            _ => None,
        }
    }

    /// As statements name it.
    pub(super) fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.table)),
            None => quote(&self.table),
        }
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.table),
            None => f.write_str(&self.table),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) primary_key: Vec<String>,
    /// Its name, where the engine gives it one.
    pub(super) primary_key_name: Option<String>,
    /// Unique keys and indexes, without the primary key.
    pub(super) keys: Vec<Key>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    pub(super) checks: Vec<Check>,
    /// SQLite: whether the types of columns are kept.
    pub(super) strict: bool,
    /// SQLite: the statement that made it, and those of its indexes and triggers, by name.
    pub(super) made_by: Option<String>,
    pub(super) belongings: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type, with its collation if it has one of its own.
    pub(super) ty: String,
    pub(super) nullable: bool,
    pub(super) has_default: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) unique: bool,
    /// Columns or expressions, with their direction.
    pub(super) columns: Vec<String>,
    /// Which rows are in it; empty for all.
    pub(super) predicate: String,
    /// What else there is to say: the kind of index, or that it is broken.
    pub(super) remarks: String,
    /// Whether a constraint owns it.
    pub(super) constraint: bool,
}

impl Key {
    pub(super) fn describe(&self) -> String {
        let unique = if self.unique { "unique " } else { "" };
        let predicate = if self.predicate.is_empty() { String::new() } else { format!(" where {}", self.predicate) };
        let remarks = if self.remarks.is_empty() { String::new() } else { format!(", {}", self.remarks) };
        format!("{unique}({}){predicate}{remarks}", self.columns.join(", "))
    }

    /// Whether it does all that another one does.
    pub(super) fn serves(&self, other: &Self) -> bool {
        self.columns == other.columns
            && self.predicate == other.predicate
            && self.remarks == other.remarks
            && (self.unique || !other.unique)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignKey {
    /// SQLite does not say it.
    pub(super) name: Option<String>,
    pub(super) columns: Vec<String>,
    pub(super) target: TableName,
    pub(super) target_columns: Vec<String>,
    /// `ON DELETE …`, `ON UPDATE …`, `DEFERRABLE`; empty for the usual.
    pub(super) actions: String,
}

impl ForeignKey {
    pub(super) fn describe(&self) -> String {
        let actions = if self.actions.is_empty() { String::new() } else { format!(" {}", self.actions) };
        format!(
            "({}) references {} ({}){actions}",
            self.columns.join(", "),
            self.target,
            self.target_columns.join(", ")
        )
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same_schema = match (&self.target.schema, &other.target.schema) {
            (Some(one), Some(other)) => one == other,
            // one of them is found by the search path
            _ => true,
        };
        self.columns == other.columns
            && same_schema
            && self.target.table == other.target.table
            && self.target_columns == other.target_columns
            && self.actions == other.actions
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) name: Option<String>,
    pub(super) expression: String,
}
