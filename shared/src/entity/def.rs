//! What is known about an entity without having one.

use std::fmt;

use crate::db::{Engine, Names};
use crate::event::EventInfo;

/// Everything about an entity that is known at compile time: its table, its columns and its statements.
#[derive(Debug, Clone, Copy)]
pub struct EntityDef {
    /// The Rust type's name.
    pub name: &'static str,
    /// The table.
    pub table: &'static str,
    /// The columns, in the order in which every statement lists them.
    pub columns: &'static [ColumnDef],
    /// The columns with a meaning of their own.
    pub roles: Roles,
    /// What together must be unique.
    pub uniques: &'static [KeyDef],
    /// What is indexed besides.
    pub indexes: &'static [KeyDef],
    /// What refers to other entities.
    pub references: &'static [ReferenceDef],
    /// The events that its writes publish: for each `emits`, what it may be.
    pub emits: &'static [&'static [&'static EventInfo]],
    /// The statements.
    pub sql: Statements,
    /// For errors: constraints and columns in terms of fields.
    pub names: Names,
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its name in the table.
    pub name: &'static str,
    /// Its name in the struct.
    pub field: &'static str,
    /// What can be in it.
    pub shape: Shape,
}

impl ColumnDef {
    /// The same column of a field with another name.
    #[must_use]
    pub const fn of_field(self, field: &'static str) -> Self {
        Self { field, ..self }
    }
}

/// What can be in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Its type.
    pub ty: ColumnType,
    /// How many `Option`s are around its values.
    pub options: u8,
    /// Whether its values are protected (`Phi`).
    pub protected: bool,
    /// The texts it may hold; empty when every value of its type is allowed.
    pub allowed: &'static [&'static str],
}

impl Shape {
    /// A column of this shape, of a field with the same name.
    #[must_use]
    pub const fn column(self, name: &'static str) -> ColumnDef {
        ColumnDef { name, field: name, shape: self }
    }

    /// Whether it may be NULL.
    #[must_use]
    pub const fn is_nullable(&self) -> bool {
        self.options > 0
    }
}

/// The columns with a meaning of their own, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// `#[entity(id)]`.
    pub id: &'static str,
    /// `#[entity(version)]`: counts the updates.
    pub version: Option<&'static str>,
    /// `#[entity(updated_at)]`: the time of the last write.
    pub updated_at: Option<&'static str>,
    /// `#[entity(deleted_at)]`: set instead of deleting the row.
    pub deleted_at: Option<&'static str>,
}

impl Roles {
    /// The roles of an entity's columns.
    #[must_use]
    pub const fn new(
        id: &'static str,
        version: Option<&'static str>,
        updated_at: Option<&'static str>,
        deleted_at: Option<&'static str>,
    ) -> Self {
        Self { id, version, updated_at, deleted_at }
    }
}

/// Columns that together are unique or indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDef {
    /// The name of the constraint or index.
    pub name: &'static str,
    /// The columns.
    pub columns: &'static [&'static str],
}

impl KeyDef {
    /// A key.
    #[must_use]
    pub const fn new(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self { name, columns }
    }
}

/// A column that holds another entity's id.
#[derive(Clone, Copy)]
pub struct ReferenceDef {
    /// The name of the constraint.
    pub name: &'static str,
    /// The column.
    pub column: &'static str,
    /// The other entity. A function, so that entities can refer to themselves and to each other.
    pub target: fn() -> &'static EntityDef,
}

impl ReferenceDef {
    /// A reference.
    #[must_use]
    pub const fn new(name: &'static str, column: &'static str, target: fn() -> &'static EntityDef) -> Self {
        Self { name, column, target }
    }
}

impl fmt::Debug for ReferenceDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReferenceDef").field("name", &self.name).field("column", &self.column).finish_non_exhaustive()
    }
}

/// The statements, complete at compile time; they read the same on both engines. The column list is never `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statements {
    /// The column list.
    pub columns: &'static str,
    /// Inserts a row; one parameter per column.
    pub insert: &'static str,
    /// The row with the id `$1`.
    pub get: &'static str,
    /// Whether there is a row with the id `$1`.
    pub exists: &'static str,
    /// How many rows there are.
    pub count: &'static str,
    /// Deletes the row with the id `$1`; with `deleted_at`, marks the row with the id `$2` as deleted at `$1`.
    pub delete_by_id: &'static str,
    /// The same if its version is the last parameter; without a version, the same as `delete_by_id`.
    pub delete: &'static str,
    /// Undoes a soft delete: parameters are the time, if there is an `updated_at`, and the id.
    pub restore: Option<&'static str>,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// `Uuid`.
    Uuid,
    /// `DateTime<Utc>`.
    Timestamp,
    /// `NaiveDate`.
    Date,
    /// `NaiveTime`.
    Time,
    /// `i16`.
    SmallInt,
    /// `i32`.
    Integer,
    /// `i64`.
    BigInt,
    /// `bool`.
    Boolean,
    /// `f64`.
    Double,
    /// `String` and enums.
    Text,
    /// `Vec<u8>`.
    Bytes,
    /// `Json<T>`.
    Json,
}

impl ColumnType {
    /// The type's name in SQL.
    #[must_use]
    pub const fn sql(self, engine: Engine) -> &'static str {
        match engine {
            Engine::Postgres => match self {
                Self::Uuid => "uuid",
                Self::Timestamp => "timestamptz",
                Self::Date => "date",
                Self::Time => "time",
                Self::SmallInt => "smallint",
                Self::Integer => "integer",
                Self::BigInt => "bigint",
                Self::Boolean => "boolean",
                Self::Double => "double precision",
                Self::Text => "text",
                Self::Bytes => "bytea",
                Self::Json => "jsonb",
            },
            Engine::Sqlite => match self {
                Self::Uuid | Self::Bytes => "BLOB",
                Self::Timestamp | Self::Date | Self::Time | Self::Text | Self::Json => "TEXT",
                Self::SmallInt | Self::Integer | Self::BigInt | Self::Boolean => "INTEGER",
                Self::Double => "REAL",
            },
        }
    }

    /// Whether two types are the same, at compile time.
    #[must_use]
    pub const fn is(self, other: Self) -> bool {
        self as u8 == other as u8
    }
}

impl EntityDef {
    /// The column with this name in the table.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static ColumnDef> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The id's column.
    #[must_use]
    pub fn id_column(&self) -> &'static ColumnDef {
        self.column(self.roles.id).expect("the derive names one of the columns as the id")
    }
}
