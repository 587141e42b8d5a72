//! What differs between a declaration and a table, and what would mend it.

use std::fmt;

use crate::db::Engine;

/// One difference between an entity and its table; see [`Db::check_tables`](crate::Db::check_tables).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The entity's type name.
    pub entity: &'static str,
    /// The table, with its schema if it is declared with one.
    pub table: String,
    /// Which part of the table it is about.
    pub part: Part,
    /// The name of the column, key or constraint; that of the table if it is about the table.
    pub name: String,
    /// What the entity declares; `None` when it knows nothing of what is there.
    pub expected: Option<String>,
    /// What the database has; `None` when it is missing.
    pub found: Option<String>,
    /// What would mend it.
    pub mend: Mend,
    /// Whether the service can work with it all the same.
    pub(super) tolerable: bool,
    /// Whether the SQL makes the whole table anew, and so mends everything else about it.
    pub(super) rebuilds: bool,
}

/// A part of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // the names say it
pub enum Part {
    Table,
    Column,
    PrimaryKey,
    Unique,
    Index,
    ForeignKey,
    Check,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Column => "column",
            Self::PrimaryKey => "primary key",
            Self::Unique => "unique key",
            Self::Index => "index",
            Self::ForeignKey => "foreign key",
            Self::Check => "check",
        })
    }
}

/// What would mend a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mend {
    /// SQL that loses nothing and fails for no row.
    Safe(String),
    /// SQL to be looked at first.
    Careful {
        /// The SQL.
        sql: String,
        /// What can go wrong with it.
        why: &'static str,
    },
}

impl Mend {
    /// The SQL.
    #[must_use]
    pub fn sql(&self) -> &str {
        match self {
            Self::Safe(sql) | Self::Careful { sql, .. } => sql,
        }
    }
}

impl Difference {
    /// Whether the service can work with it all the same: something is there that the entity does not know, or has another
    /// name. A service does not start with a difference that is not tolerable.
    #[must_use]
    pub fn is_tolerable(&self) -> bool {
        self.tolerable
    }

    /// What is there without being declared may be wanted.
    fn is_optional(&self) -> bool {
        self.tolerable && self.expected.is_none()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entity, table, part, name, .. } = self;
        match part {
            Part::Table => write!(f, "`{entity}`: table `{table}` ")?,
            _ => write!(f, "`{entity}`: {part} `{name}` of table `{table}` ")?,
        }
        match (&self.expected, &self.found) {
            (Some(_), None) if *part == Part::Table => write!(f, "is missing"),
            (Some(expected), None) => write!(f, "is missing: {expected}"),
            (None, Some(found)) => write!(f, "is not declared: {found}"),
            (Some(expected), Some(found)) => write!(f, "is {found} instead of {expected}"),
            (None, None) => write!(f, "differs"),
        }
    }
}

/// The differences as a migration: each with what it is about, and the SQL that mends it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # #[cfg(feature = "sqlite")] {
/// # use shared::prelude::*;
/// #[derive(Debug, Entity)]
/// #[entity(table = "rooms")]
/// struct Room {
///     #[entity(id)]
///     id: Uuid,
///     name: String,
/// }
///
/// let db = Db::connect("sqlite::memory:").await?;
/// let differences = db.check_tables(&entities![Room]).await?;
/// assert_eq!(differences[0].to_string(), "`Room`: table `rooms` is missing");
/// let migration = shared::db::plan(&differences, db.engine());
/// assert!(migration.contains("CREATE TABLE IF NOT EXISTS \"rooms\""));
/// # }
/// # Ok::<(), shared::Error>(()) }).unwrap();
/// ```
#[must_use]
pub fn plan(differences: &[Difference], engine: Engine) -> String {
    let mut text = format!("-- What mends the differences between the entities and their tables, for {engine}.\n");
    let made_anew =
        |table: &str| differences.iter().any(|other| other.rebuilds && !other.is_optional() && other.table == table);
    let mut written: Vec<&str> = Vec::new();
    for difference in differences {
        text.push_str(&format!("\n-- {difference}\n"));
        let sql = difference.mend.sql();
        if difference.is_optional() && made_anew(&difference.table) {
            text.push_str("-- gone when the table is made anew: declare it, or add it to the statements\n");
            continue;
        }
        if written.contains(&sql) || !difference.rebuilds && made_anew(&difference.table) {
            text.push_str("-- mended by the statements that make the table anew\n");
            continue;
        }
        if let Mend::Careful { why, .. } = &difference.mend {
            text.push_str(&format!("-- careful: {why}\n"));
        }
        for line in sql.trim_end().lines() {
            text.push_str(if difference.is_optional() { "-- " } else { "" });
            text.push_str(line);
            text.push('\n');
        }
        written.push(sql);
    }
    text
}
