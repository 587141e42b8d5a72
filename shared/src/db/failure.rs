//! From the engines' errors to [`Error`]: which constraint, which fields, never which value.
//!
//! Postgres' `DETAIL` prints the row and its message may quote a value; SQLite's message names columns
//! only for constraints. So messages are never passed on.

use std::borrow::Cow;

#[cfg(feature = "sqlite")]
use super::broken_key::Broken;
use super::known::Known;
use crate::db::dialect::Engine;
use crate::entity::{ColumnDef, KeyDef, ReferenceDef, is_check_of, primary_key};
use crate::error::{DatabaseError, DecodeCode, DecodeError, Error};

/// The lock of SQLite's file, as something that is busy.
pub(super) const FILE: &str = "the database file";

/// What a write gets where only reads are allowed.
pub(super) const READ_ONLY: &str = "this is read-only, so it cannot write or publish\nhelp: use a transaction without \
     `read_only()`, and the `Db` itself instead of `db.read_only()`";

/// What a service gets at start whose database waits for migrations that it may not run.
pub(super) fn unmigrated(problem: impl Into<String>) -> Error {
    let help = "run the program's command `migrate`, or set `DATABASE_MIGRATE=true` to do so at each start";
    Error::config("DATABASE_URL", problem, help)
}

/// What is needed to say an error in an entity's terms.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// The entity's type name.
    pub entity: &'static str,
    /// Its table, after that of its schema and a dot if it has one.
    pub table: &'static str,
    /// The column of its id.
    pub id: &'static str,
    /// Its columns.
    pub columns: &'static [ColumnDef],
    /// What is unique.
    pub uniques: &'static [KeyDef],
    /// What refers to others.
    pub references: &'static [ReferenceDef],
}

impl Names {
    pub(super) fn field(&self, column: &str) -> String {
        let field = self.columns.iter().find(|known| known.name == column).map(|known| known.field);
        field.unwrap_or(column).to_owned()
    }

    /// The fields that a constraint or a unique index is about.
    fn fields(&self, constraint: &str) -> Option<Vec<String>> {
        // on SQLite, the name of an index has the schema before it
        let schema = self.table.split_once('.').map(|(schema, _)| schema);
        let within = schema.and_then(|schema| constraint.strip_prefix(schema)?.strip_prefix('.'));
        let constraint = within.unwrap_or(constraint);
        let key = self.uniques.iter().find(|key| key.name == constraint).map(|key| key.columns);
        let reference = self.references.iter().find(|reference| reference.name == constraint);
        let columns = match (key, reference) {
            (Some(columns), _) => columns.to_vec(),
            (None, Some(reference)) => vec![reference.column],
            (None, None) if constraint == primary_key(self.table) => vec![self.id],
            (None, None) => vec![self.columns.iter().find(|column| is_check_of(constraint, self.table, column))?.name],
        };
        Some(columns.into_iter().map(|column| self.field(column)).collect())
    }

    fn check(names: Option<&Self>, entity: Cow<'static, str>, constraint: String) -> Error {
        let fields = names.and_then(|names| names.fields(&constraint)).unwrap_or_default();
        Error::Check { entity, constraint, fields }
    }
}

/// For what a service runs on sqlx itself (`Db::postgres()`, `Tx::sqlite(..)`): codes and names are kept, the message
/// is dropped, as everywhere.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let engine = match &error {
            // SQLSTATE has five characters, SQLite's codes are numbers below 10,000
            sqlx::Error::Database(inner) if inner.code().is_some_and(|code| code.len() < 5) => Engine::Sqlite,
            _ if cfg!(feature = "postgres") => Engine::Postgres,
            _ => Engine::Sqlite,
        };
        classify(error, engine, None)
    }
}

/// Says an error of sqlx in this library's terms.
pub(crate) fn classify(error: sqlx::Error, engine: Engine, names: Option<&Names>) -> Error {
    classify_among(error, engine, names, &Known::default())
}

/// The same where other entities are known, too.
pub(crate) fn classify_among(error: sqlx::Error, engine: Engine, names: Option<&Names>, known: &Known) -> Error {
    match error {
        sqlx::Error::Database(error) => match engine {
            Engine::Postgres => postgres(&*error, names, known),
            Engine::Sqlite => sqlite(&*error, names, known),
        },
        sqlx::Error::PoolTimedOut => Error::Busy { what: "the connection pool" },
        sqlx::Error::PoolClosed => unavailable(engine, "the connection pool is closed", None),
        sqlx::Error::WorkerCrashed => unavailable(engine, "the connection's worker ended", None),
        sqlx::Error::Io(error) => unavailable(engine, "the connection failed", Some(error.kind().into())),
        sqlx::Error::Tls(_) => unavailable(engine, "the TLS handshake failed", None),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Error::Decode(DecodeError {
            what: names.map_or("row", |names| names.entity).into(),
            path: String::new(),
            code: DecodeCode::Column,
        }),
        sqlx::Error::Protocol(_) => other(engine, None, "the server and the client disagree about the protocol"),
        _ => other(engine, None, "the statement cannot be run"),
    }
}

/// Whether a connection to the database broke: the next one may be sound.
pub(crate) fn is_connection(error: &Error) -> bool {
    let engines = [Engine::Postgres, Engine::Sqlite];
    match error {
        Error::Unavailable { what: Cow::Owned(what), .. } => {
            engines.iter().any(|engine| what.strip_prefix(engine.as_str()).is_some_and(|rest| rest.starts_with(": ")))
        }
        _ => false,
    }
}

fn unavailable(engine: Engine, what: &'static str, source: Option<std::io::Error>) -> Error {
    Error::Unavailable { what: format!("{engine}: {what}").into(), source: source.map(Into::into) }
}

fn other(engine: Engine, code: Option<String>, what: &'static str) -> Error {
    Error::Database(DatabaseError { engine: engine.as_str(), code, what: what.into() })
}

/// What a row is called: by its entity, else by its table.
fn entity(of: Option<&Names>, schema: Option<&str>, table: Option<&str>) -> Cow<'static, str> {
    match (of, table) {
        (Some(of), _) => of.entity.into(),
        (None, Some(table)) => match schema.filter(|schema| *schema != "public") {
            Some(schema) => format!("{schema}.{table}").into(),
            None => table.to_owned().into(),
        },
        (None, None) => "row".into(),
    }
}

/// The column of a foreign key that is named as those of entities are.
fn column_of_key<'a>(constraint: &'a str, table: &str) -> Option<&'a str> {
    constraint.strip_prefix(table)?.strip_prefix('_')?.strip_suffix("_fkey")
}

fn postgres(error: &(dyn sqlx::error::DatabaseError + 'static), names: Option<&Names>, known: &Known) -> Error {
    let code = error.code().unwrap_or_default().into_owned();
    let (schema, table) = (postgres_schema(error), error.table().map(str::to_owned));
    let of = match &table {
        Some(table) => known.names(names, schema.as_deref(), table),
        None => names,
    };
    let entity = entity(of, schema.as_deref(), table.as_deref());
    // a part of the entity's table has constraints of the same names
    let names = of.or(names);
    let constraint = error.constraint().unwrap_or_default().to_owned();
    let fields = || {
        let column = || column_of_key(&constraint, table.as_deref()?).map(|column| vec![column.to_owned()]);
        names
            .and_then(|names| names.fields(&constraint))
            .or_else(column)
            .unwrap_or_else(|| if constraint.is_empty() { Vec::new() } else { vec![constraint.clone()] })
    };
    // codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
    match code.as_str() {
        "23505" => Error::Unique { entity, fields: fields() },
        // the second since Postgres 18, for `on_delete = restrict`
        "23503" | "23001" => Error::ForeignKey { entity, fields: fields() },
        "23514" => Names::check(names, entity, constraint),
        "23502" => {
            let column = postgres_column(error).unwrap_or_default();
            let field = names.map_or_else(|| column.clone(), |names| names.field(&column));
            Error::Required { entity, field }
        }
        "55P03" => Error::Busy { what: "the row" },
        "53300" => Error::Busy { what: "the database server (too many connections)" },
        "53100" => other(Engine::Postgres, Some(code), "the disk is full"),
        "53200" => other(Engine::Postgres, Some(code), "the server is out of memory"),
        "57014" => Error::Timeout { what: "the statement" },
        "25006" => other(Engine::Postgres, Some(code), "the transaction is read-only, or the server is a replica"),
        "57P01" | "57P02" | "57P03" => unavailable(Engine::Postgres, "the server is shutting down or starting", None),
        code if code.starts_with("08") => unavailable(Engine::Postgres, "the connection failed", None),
        code if code.starts_with("28") => {
            unavailable(Engine::Postgres, "the server refused the user or password", None)
        }
        "42P01" => other(Engine::Postgres, Some(code), "a table is missing; create the tables first (`migrate`)"),
        "42703" => other(Engine::Postgres, Some(code), "a column is missing; the table is older than the program"),
        "40001" | "40P01" => {
            other(Engine::Postgres, Some(code), "the transaction lost against another one; run it again")
        }
        _ => other(Engine::Postgres, Some(code), "the statement was refused"),
    }
}

/// A foreign key of SQLite's that was looked up.
#[cfg(feature = "sqlite")]
pub(super) fn foreign_key(broken: Broken, names: Option<&Names>, known: &Known) -> Error {
    let Broken { table, columns } = broken;
    let of = known.names(names, None, &table);
    let fields = columns.into_iter().map(|column| of.map_or(column.clone(), |of| of.field(&column))).collect();
    Error::ForeignKey { entity: entity(of, None, Some(&table)), fields }
}

#[cfg(feature = "postgres")]
fn postgres_column(error: &(dyn sqlx::error::DatabaseError + 'static)) -> Option<String> {
    error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().and_then(|error| error.column()).map(str::to_owned)
}

#[cfg(not(feature = "postgres"))]
fn postgres_column(_error: &(dyn sqlx::error::DatabaseError + 'static)) -> Option<String> {
    None
}

#[cfg(feature = "postgres")]
fn postgres_schema(error: &(dyn sqlx::error::DatabaseError + 'static)) -> Option<String> {
    error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().and_then(|error| error.schema()).map(str::to_owned)
}

#[cfg(not(feature = "postgres"))]
fn postgres_schema(_error: &(dyn sqlx::error::DatabaseError + 'static)) -> Option<String> {
    None
}

fn sqlite(error: &(dyn sqlx::error::DatabaseError + 'static), names: Option<&Names>, known: &Known) -> Error {
    let code = error.code().unwrap_or_default().into_owned();
    let message = error.message();
    let listed = message.split_once(": ").map(|(_, list)| list).unwrap_or_default();
    // extended result codes: https://www.sqlite.org/rescode.html
    match code.as_str() {
        "2067" | "1555" | "2579" => {
            let index = listed.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
            if let Some(index) = index {
                let fields = names.and_then(|names| names.fields(index)).unwrap_or_else(|| vec![index.to_owned()]);
                return Error::Unique { entity: entity(names, None, None), fields };
            }
            // a table may have a dot in its name, a column of an entity has none
            let columns: Vec<(&str, &str)> = listed.split(", ").filter_map(|column| column.rsplit_once('.')).collect();
            let table = columns.first().map(|(table, _)| *table);
            let names = table.map_or(names, |table| known.names(names, None, table));
            let fields = columns
                .iter()
                .map(|(_, column)| names.map_or_else(|| (*column).to_owned(), |names| names.field(column)))
                .collect();
            Error::Unique { entity: entity(names, None, table), fields }
        }
        // SQLite carries out `on_delete = restrict` by a trigger
        "787" | "1811" if message.starts_with("FOREIGN KEY") => {
            Error::ForeignKey { entity: entity(names, None, None), fields: Vec::new() }
        }
        "275" => Names::check(names, entity(names, None, None), listed.to_owned()),
        "1299" => {
            let (table, column) = listed.rsplit_once('.').unwrap_or(("", listed));
            let names = if table.is_empty() { names } else { known.names(names, None, table) };
            let field = names.map_or_else(|| column.to_owned(), |names| names.field(column));
            Error::Required { entity: entity(names, None, (!table.is_empty()).then_some(table)), field }
        }
        "5" | "6" | "261" | "262" | "517" => Error::Busy { what: FILE },
        "13" => other(Engine::Sqlite, Some(code), "the disk is full"),
        "9" => Error::Timeout { what: "the statement" },
        "1" if message.starts_with("no such table") => {
            other(Engine::Sqlite, Some(code), "a table is missing; create the tables first (`migrate`)")
        }
        "1" if message.starts_with("no such column") || message.contains("has no column") => {
            other(Engine::Sqlite, Some(code), "a column is missing; the table is older than the program")
        }
        "8" | "776" | "1032" | "1288" | "1544" => {
            other(Engine::Sqlite, Some(code), "the database file or the transaction is read-only")
        }
        "14" => unavailable(Engine::Sqlite, "the database file cannot be opened", None),
        "26" => other(Engine::Sqlite, Some(code), "the file is not a SQLite database"),
        _ => other(Engine::Sqlite, Some(code), "the statement was refused"),
    }
}
