//! Tables, keys and indexes out of a declaration.

use std::fmt::Write as _;

use super::def::{ColumnDef, ColumnType, EntityDef};
use crate::db::Engine;

/// Postgres cuts longer names (<https://www.postgresql.org/docs/current/limits.html>).
const MAX_NAME: usize = 63;

impl EntityDef {
    /// The statements that create the table and its indexes where they are missing.
    ///
    /// Keys and constraints have names: `{table}_pkey`, `{table}_{columns}_key`, `{table}_{column}_fkey`,
    /// `{table}_{column}_check`, `{table}_{columns}_idx`. With `deleted_at`, what is unique is unique among the
    /// rows that are not deleted.
    #[must_use]
    pub fn ddl(&self, engine: Engine) -> String {
        let mut lines: Vec<String> = self.columns.iter().map(|column| column_line(column, engine)).collect();
        let id = quoted([self.roles.id]);
        lines.push(format!("CONSTRAINT \"{}_pkey\" PRIMARY KEY ({id})", self.table));
        // a soft delete frees its unique values: only an index can say that
        let partial = self.roles.deleted_at.map(|column| format!(" WHERE \"{column}\" IS NULL"));
        if partial.is_none() {
            for key in self.uniques {
                lines.push(format!("CONSTRAINT \"{}\" UNIQUE ({})", key.name, quoted(key.columns.iter().copied())));
            }
        }
        for reference in self.references {
            let target = (reference.target)();
            lines.push(format!(
                "CONSTRAINT \"{}\" FOREIGN KEY (\"{}\") REFERENCES \"{}\" (\"{}\")",
                reference.name, reference.column, target.table, target.roles.id
            ));
        }
        lines.extend(self.columns.iter().filter_map(|column| check_line(self.table, column, engine)));

        let mut sql = format!("CREATE TABLE IF NOT EXISTS \"{}\" (\n    {}\n)", self.table, lines.join(",\n    "));
        sql.push_str(match engine {
            Engine::Postgres => ";\n",
            Engine::Sqlite => " STRICT;\n",
        });
        // writing to a string cannot fail
        if let Some(partial) = partial {
            for key in self.uniques {
                let columns = quoted(key.columns.iter().copied());
                let _infallible = writeln!(
                    sql,
                    "CREATE UNIQUE INDEX IF NOT EXISTS \"{}\" ON \"{}\" ({columns}){partial};",
                    key.name, self.table
                );
            }
        }
        for key in self.indexes {
            let columns = quoted(key.columns.iter().copied());
            let _infallible =
                writeln!(sql, "CREATE INDEX IF NOT EXISTS \"{}\" ON \"{}\" ({columns});", key.name, self.table);
        }
        sql
    }
}

fn column_line(column: &ColumnDef, engine: Engine) -> String {
    let ty = column.shape.ty;
    // byte order, as SQLite has it: otherwise texts sort by the server's locale
    let collation = if engine == Engine::Postgres && ty == ColumnType::Text { " COLLATE \"C\"" } else { "" };
    let null = if column.shape.is_nullable() { "" } else { " NOT NULL" };
    format!("\"{}\" {}{collation}{null}", column.name, ty.sql(engine))
}

fn check_line(table: &str, column: &ColumnDef, engine: Engine) -> Option<String> {
    let allowed = match column.shape.allowed {
        [] if engine == Engine::Sqlite && column.shape.ty == ColumnType::Boolean => "0, 1".to_owned(),
        [] => return None,
        texts => texts.iter().map(|text| format!("'{}'", text.replace('\'', "''"))).collect::<Vec<_>>().join(", "),
    };
    let name = check_name(table, column.name);
    Some(format!("CONSTRAINT \"{name}\" CHECK (\"{}\" IN ({allowed}))", column.name))
}

fn check_name(table: &str, column: &str) -> String {
    let mut name = format!("{table}_{column}");
    let longest = MAX_NAME - "_check".len();
    let cut = (0..=longest.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    name.truncate(cut);
    name + "_check"
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
