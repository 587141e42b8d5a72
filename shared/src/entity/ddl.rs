//! Tables, keys and indexes out of a declaration.

use std::fmt::Write as _;

use super::def::{ColumnDef, ColumnType, Condition, EntityDef, Is, KeyDef, without_schema};
use super::literal::Literal;
use crate::db::Engine;

/// Postgres cuts longer names (<https://www.postgresql.org/docs/current/limits.html>).
const MAX_NAME: usize = 63;

impl EntityDef {
    /// The statements that create the table and its indexes where they are missing, and on Postgres its schema, if the
    /// declaration names one.
    ///
    /// Keys and constraints have names: `{table}_pkey`, `{table}_{columns}_key`, `{table}_{column}_fkey`,
    /// `{table}_{column}_check`, `{table}_{column}_{rule}_check`, `{table}_{columns}_idx`. That of the schema is no part of
    /// them, but of indexes on SQLite, where a name is there once for all tables. With `deleted_at`, what is unique is
    /// unique among the rows that are not deleted.
    #[must_use]
    pub fn ddl(&self, engine: Engine) -> String {
        let schema = self.schema().filter(|_| engine == Engine::Postgres);
        schema.map(create_schema).unwrap_or_default() + &self.table_ddl(engine)
    }

    /// The same without the schema.
    pub(crate) fn table_ddl(&self, engine: Engine) -> String {
        let mut lines: Vec<String> = self.columns.iter().map(|column| column_line(column, engine)).collect();
        let id = quoted([self.roles.id]);
        lines.push(format!("CONSTRAINT \"{}\" PRIMARY KEY ({id})", primary_key(self.table)));
        for key in self.uniques.iter().filter(|key| self.predicate(key, engine).is_none()) {
            lines.push(format!("CONSTRAINT \"{}\" UNIQUE ({})", key.name, quoted(key.columns.iter().copied())));
        }
        for reference in self.references {
            let target = (reference.target)();
            lines.push(format!(
                "CONSTRAINT \"{}\" FOREIGN KEY (\"{}\") REFERENCES {} (\"{}\"){}",
                reference.name,
                reference.column,
                target.quoted_table(engine),
                target.roles.id,
                reference.on_delete.sql()
            ));
        }
        lines.extend(
            self.checks(engine).into_iter().map(|(name, _, sql)| format!("CONSTRAINT \"{name}\" CHECK ({sql})")),
        );

        let table = self.quoted_table(engine);
        let mut sql = format!("CREATE TABLE IF NOT EXISTS {table} (\n    {}\n)", lines.join(",\n    "));
        sql.push_str(match engine {
            Engine::Postgres => ";\n",
            Engine::Sqlite => " STRICT;\n",
        });
        // writing to a string cannot fail
        for key in self.uniques {
            let Some(predicate) = self.predicate(key, engine) else { continue };
            let (name, columns) = (self.index_name(engine, key.name), quoted(key.columns.iter().copied()));
            let _infallible =
                writeln!(sql, "CREATE UNIQUE INDEX IF NOT EXISTS \"{name}\" ON {table} ({columns}) WHERE {predicate};");
        }
        for key in self.indexes {
            let columns: Vec<String> = key.columns.iter().map(|column| sorted(key, column)).collect();
            let predicate = conditions(self, key.only, engine).map(|it| format!(" WHERE {it}")).unwrap_or_default();
            let (name, columns) = (self.index_name(engine, key.name), columns.join(", "));
            let _infallible = writeln!(sql, "CREATE INDEX IF NOT EXISTS \"{name}\" ON {table} ({columns}){predicate};");
        }
        sql
    }

    /// Among which rows a key is unique, if it is not all of them. A soft delete frees its unique values: only an
    /// index can say that.
    #[must_use]
    pub fn predicate(&self, key: &KeyDef, engine: Engine) -> Option<String> {
        let alive = self.roles.deleted_at.map(|column| format!("\"{column}\" IS NULL"));
        let parts: Vec<String> = alive.into_iter().chain(conditions(self, key.only, engine)).collect();
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }
}

/// The statement that creates a schema where it is missing.
pub(crate) fn create_schema(schema: &str) -> String {
    format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\";\n")
}

fn sorted(key: &KeyDef, column: &str) -> String {
    format!("\"{column}\"{}", if key.descending.contains(&column) { " DESC" } else { "" })
}

fn conditions(of: &EntityDef, conditions: &[Condition], engine: Engine) -> Option<String> {
    let parts: Vec<String> = conditions.iter().map(|condition| self::condition(of, condition, engine)).collect();
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

/// In Rust's logic, as filters are: what is not equal may be NULL.
fn condition(of: &EntityDef, Condition { column, is }: &Condition, engine: Engine) -> String {
    let nullable = of.column(column).is_some_and(|column| column.shape.is_nullable());
    match is {
        Is::Null => format!("\"{column}\" IS NULL"),
        Is::NotNull => format!("\"{column}\" IS NOT NULL"),
        Is::Equal(value) => match value() {
            Literal::Null => format!("\"{column}\" IS NULL"),
            value => format!("\"{column}\" = {}", value.sql(engine)),
        },
        Is::NotEqual(value) => match value() {
            Literal::Null => format!("\"{column}\" IS NOT NULL"),
            value if nullable => format!("(\"{column}\" <> {} OR \"{column}\" IS NULL)", value.sql(engine)),
            value => format!("\"{column}\" <> {}", value.sql(engine)),
        },
    }
}

fn column_line(column: &ColumnDef, engine: Engine) -> String {
    let ty = column.shape.ty;
    // byte order, as SQLite has it: otherwise texts sort by the server's locale
    let collation = if engine == Engine::Postgres && ty == ColumnType::Text { " COLLATE \"C\"" } else { "" };
    let null = if column.shape.is_nullable() { "" } else { " NOT NULL" };
    format!("\"{}\" {}{collation}{null}", column.name, ty.sql(engine))
}

/// The name of the primary key of a table.
pub(crate) fn primary_key(table: &str) -> String {
    cut(without_schema(table).to_owned(), "_pkey")
}

pub(super) fn cut(mut name: String, suffix: &str) -> String {
    let longest = MAX_NAME - suffix.len();
    let at = (0..=longest.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    name.truncate(at);
    name + suffix
}

fn quoted<'a>(columns: impl IntoIterator<Item = &'a str>) -> String {
    columns.into_iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
}

/// The entities, each once, in an order in which each comes after those that it refers to.
pub(crate) fn in_order_of_references(entities: &[&'static EntityDef]) -> Vec<&'static EntityDef> {
    fn same(a: &EntityDef, b: &EntityDef) -> bool {
        a.table == b.table && a.name == b.name
    }

    fn visit(
        entity: &'static EntityDef,
        all: &[&'static EntityDef],
        visited: &mut Vec<&'static EntityDef>,
        ordered: &mut Vec<&'static EntityDef>,
    ) {
        if visited.iter().any(|seen| same(seen, entity)) {
            return;
        }
        visited.push(entity);
        for reference in entity.references {
            let target = (reference.target)();
            if all.iter().any(|given| same(given, target)) {
                visit(target, all, visited, ordered);
            }
        }
        ordered.push(entity);
    }

    let (mut visited, mut ordered) = (Vec::new(), Vec::new());
    for entity in entities {
        visit(entity, entities, &mut visited, &mut ordered);
    }
    ordered
}
