//! What is known about an entity without having one.

use std::fmt;

use super::literal::Literal;
use super::statement::quoted;
use crate::db::{Engine, Names, Sql};
use crate::event::EventInfo;
use crate::validate::Rule;

/// Everything about an entity that is known at compile time: its table, its columns and its statements.
#[derive(Debug, Clone, Copy)]
pub struct EntityDef {
    /// The Rust type's name.
    pub name: &'static str,
    /// The table, after that of its schema and a dot if it has one: `appointments`, `clinic.appointments`. SQLite has no
    /// schemas: there the whole text is the table's name.
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
#[derive(Debug, Clone, Copy)]
pub struct ColumnDef {
    /// Its name in the table.
    pub name: &'static str,
    /// Its name in the struct.
    pub field: &'static str,
    /// What can be in it.
    pub shape: Shape,
    /// The rules for its values. Those that SQL can say are checks of the table.
    pub rules: &'static [Rule],
}

impl ColumnDef {
    /// The same column with rules.
    #[must_use]
    pub const fn ruled(self, rules: &'static [Rule]) -> Self {
        Self { rules, ..self }
    }

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
        ColumnDef { name, field: name, shape: self, rules: &[] }
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
    /// Whether the caller gives the id.
    pub is_given: bool,
    /// `#[entity(version)]`: counts the updates.
    pub version: Option<&'static str>,
    /// `#[entity(created_at)]`: the time of the first write.
    pub created_at: Option<&'static str>,
    /// `#[entity(updated_at)]`: the time of the last write.
    pub updated_at: Option<&'static str>,
    /// `#[entity(created_by)]`: who wrote it first.
    pub created_by: Option<&'static str>,
    /// `#[entity(updated_by)]`: who wrote it last.
    pub updated_by: Option<&'static str>,
    /// `#[entity(deleted_at)]`: set instead of deleting the row.
    pub deleted_at: Option<&'static str>,
}

macro_rules! role {
    ($($role:ident: $doc:literal;)*) => {$(
        #[doc = $doc]
        #[must_use]
        pub const fn $role(self, column: &'static str) -> Self {
            Self { $role: Some(column), ..self }
        }
    )*};
}

impl Roles {
    /// An entity with this id and no other roles.
    #[must_use]
    pub const fn of(id: &'static str) -> Self {
        Self {
            id,
            is_given: false,
            version: None,
            created_at: None,
            updated_at: None,
            created_by: None,
            updated_by: None,
            deleted_at: None,
        }
    }

    /// The caller gives the id.
    #[must_use]
    pub const fn given(self) -> Self {
        Self { is_given: true, ..self }
    }

    role! {
        version: "The column that counts the updates.";
        created_at: "The column with the time of the first write.";
        updated_at: "The column with the time of the last write.";
        created_by: "The column with who wrote it first.";
        updated_by: "The column with who wrote it last.";
        deleted_at: "The column that marks a deleted row.";
    }
}

/// Columns that together are unique or indexed.
#[derive(Debug, Clone, Copy)]
pub struct KeyDef {
    /// The name of the constraint or index.
    pub name: &'static str,
    /// The columns.
    pub columns: &'static [&'static str],
    /// Those of them that an index sorts downwards.
    pub descending: &'static [&'static str],
    /// Only rows for which all of these hold are in it.
    pub only: &'static [Condition],
}

impl KeyDef {
    /// A key of all rows, sorted upwards.
    #[must_use]
    pub const fn new(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self { name, columns, descending: &[], only: &[] }
    }

    /// With these columns sorted downwards.
    #[must_use]
    pub const fn descending(self, columns: &'static [&'static str]) -> Self {
        Self { descending: columns, ..self }
    }

    /// Of the rows for which these conditions hold.
    #[must_use]
    pub const fn only(self, conditions: &'static [Condition]) -> Self {
        Self { only: conditions, ..self }
    }
}

/// A condition on the rows of an index.
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    /// The column.
    pub column: &'static str,
    /// What must hold for it.
    pub is: Is,
}

/// What holds for a column.
#[derive(Debug, Clone, Copy)]
pub enum Is {
    /// It is NULL.
    Null,
    /// It is not NULL.
    NotNull,
    /// It is this value.
    Equal(fn() -> Literal),
    /// It is another value, or NULL.
    NotEqual(fn() -> Literal),
}

impl Condition {
    /// A condition.
    #[must_use]
    pub const fn new(column: &'static str, is: Is) -> Self {
        Self { column, is }
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
    /// What happens to the row when the other one is deleted.
    pub on_delete: OnDelete,
}

/// What happens to a row when one that it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// The deletion is refused, at the end of the statement.
    NoAction,
    /// The deletion is refused, at once.
    Restrict,
    /// The row is deleted, too.
    Cascade,
    /// The row refers to nothing from then on.
    SetNull,
}

impl OnDelete {
    /// The clause in SQL, with a blank before it; empty for [`NoAction`](Self::NoAction).
    #[must_use]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::NoAction => "",
            Self::Restrict => " ON DELETE RESTRICT",
            Self::Cascade => " ON DELETE CASCADE",
            Self::SetNull => " ON DELETE SET NULL",
        }
    }
}

impl ReferenceDef {
    /// A reference.
    #[must_use]
    pub const fn new(name: &'static str, column: &'static str, target: fn() -> &'static EntityDef) -> Self {
        Self { name, column, target, on_delete: OnDelete::NoAction }
    }

    /// With what happens when the other row is deleted.
    #[must_use]
    pub const fn on_delete(self, on_delete: OnDelete) -> Self {
        Self { on_delete, ..self }
    }
}

impl fmt::Debug for ReferenceDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReferenceDef").field("name", &self.name).field("column", &self.column).finish_non_exhaustive()
    }
}

/// The statements, complete at compile time; they read the same on both engines but for the names of tables with a
/// schema. The column list is never `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statements {
    /// The column list.
    pub columns: &'static str,
    /// Inserts a row; one parameter per column.
    pub insert: Sql,
    /// The row with the id `$1`.
    pub get: Sql,
    /// Whether there is a row with the id `$1`.
    pub exists: Sql,
    /// How many rows there are.
    pub count: Sql,
    /// Deletes the row with the id `$1`; with `deleted_at`, marks it as deleted: then the parameters are the time, who
    /// does it, if there is an `updated_by`, and the id.
    pub delete_by_id: Sql,
    /// The same if its version is the last parameter; without a version, the same as `delete_by_id`.
    pub delete: Sql,
    /// Undoes a soft delete: parameters are the time, if there is an `updated_at`, who does it, if there is an
    /// `updated_by`, and the id.
    pub restore: Option<Sql>,
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
    /// `rust_decimal::Decimal`.
    Decimal,
    /// `Vec<u8>`.
    Bytes,
    /// `Json<T>` and lists.
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
                Self::Decimal => "numeric",
                Self::Text => "text",
                Self::Bytes => "bytea",
                Self::Json => "jsonb",
            },
            Engine::Sqlite => match self {
                Self::Uuid | Self::Bytes => "BLOB",
                Self::Timestamp | Self::Date | Self::Time | Self::Text | Self::Decimal | Self::Json => "TEXT",
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

/// A table as statements name it.
pub(super) fn quoted_table(sql: &mut String, engine: Engine, table: &str) {
    match table.split_once('.').filter(|_| engine == Engine::Postgres) {
        Some((schema, table)) => {
            quoted(sql, schema);
            sql.push('.');
            quoted(sql, table);
        }
        None => quoted(sql, table),
    }
}

/// The name of a table within its schema, by which its constraints are named.
pub(crate) fn without_schema(table: &str) -> &str {
    table.split_once('.').map_or(table, |(_, table)| table)
}

impl EntityDef {
    /// An entity without keys, references and events.
    #[must_use]
    pub const fn of(
        name: &'static str,
        table: &'static str,
        columns: &'static [ColumnDef],
        roles: Roles,
        sql: Statements,
    ) -> Self {
        let names = Names { entity: name, table, id: roles.id, columns, uniques: &[], references: &[] };
        Self { name, table, columns, roles, uniques: &[], indexes: &[], references: &[], emits: &[], sql, names }
    }

    /// With what together must be unique.
    #[must_use]
    pub const fn uniques(self, uniques: &'static [KeyDef]) -> Self {
        Self { uniques, names: Names { uniques, ..self.names }, ..self }
    }

    /// With what is indexed besides.
    #[must_use]
    pub const fn indexes(self, indexes: &'static [KeyDef]) -> Self {
        Self { indexes, ..self }
    }

    /// With what refers to other entities.
    #[must_use]
    pub const fn references(self, references: &'static [ReferenceDef]) -> Self {
        Self { references, names: Names { references, ..self.names }, ..self }
    }

    /// With the events that its writes publish.
    #[must_use]
    pub const fn emits(self, emits: &'static [&'static [&'static EventInfo]]) -> Self {
        Self { emits, ..self }
    }

    /// The schema of the table on Postgres, if the declaration names one.
    #[must_use]
    pub fn schema(&self) -> Option<&'static str> {
        self.table.split_once('.').map(|(schema, _)| schema)
    }

    /// The table as statements name it.
    pub(crate) fn quoted_table(&self, engine: Engine) -> String {
        let mut sql = String::with_capacity(self.table.len() + 5);
        quoted_table(&mut sql, engine, self.table);
        sql
    }

    /// The name that an index has: on Postgres it is in the schema of its table, on SQLite there is one for all tables.
    pub(crate) fn index_name(&self, engine: Engine, name: &str) -> String {
        match self.schema().filter(|_| engine == Engine::Sqlite) {
            Some(schema) => format!("{schema}.{name}"),
            None => name.to_owned(),
        }
    }

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
