//! The statements of an entity, as constants. Names were checked: they hold nothing that would have to be escaped.

use super::check::{Model, Role};
use super::name::{schema, without_schema};

/// Which dialect.
#[derive(Clone, Copy)]
pub(super) enum Engine {
    Postgres,
    Sqlite,
}

/// A table as statements name it: on SQLite, which has no schemas, the schema is a part of the name.
fn quoted(table: &str, engine: Engine) -> String {
    match (schema(table), engine) {
        (Some(schema), Engine::Postgres) => format!("\"{schema}\".\"{}\"", without_schema(table)),
        _ => format!("\"{table}\""),
    }
}

/// The texts of `shared::entity::Statements`. They read the same on both engines but for the names of tables with a
/// schema.
pub(super) struct Statements {
    pub(super) columns: String,
    pub(super) insert: String,
    pub(super) get: String,
    pub(super) exists: String,
    pub(super) count: String,
    pub(super) delete_by_id: String,
    pub(super) delete: String,
    pub(super) restore: Option<String>,
}

impl Statements {
    pub(super) fn of(model: &Model, engine: Engine) -> Self {
        let table = quoted(&model.table, engine);
        let names: Vec<String> = model.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let columns = names.join(", ");
        let values: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
        let id = model.id().map_or("", |column| &column.name);
        let name_of = |role| model.with(role).map(|column| column.name.as_str());
        let deleted_at = name_of(Role::DeletedAt);
        let alive = |word| deleted_at.map_or_else(String::new, |column| format!(" {word} \"{column}\" IS NULL"));

        let (updated_at, updated_by) = (name_of(Role::UpdatedAt), name_of(Role::UpdatedBy));
        // parameters in their order: the time, who does it, the id, the version
        let by = usize::from(updated_by.is_some());
        let touched = |time: usize| {
            let mut set = String::new();
            for (column, parameter) in [(updated_at, 1), (updated_by, time + 1)] {
                set += &column.map_or_else(String::new, |column| format!(", \"{column}\" = ${parameter}"));
            }
            set + &name_of(Role::Version)
                .map_or_else(String::new, |column| format!(", \"{column}\" = \"{column}\" + 1"))
        };
        let (head, next) = match deleted_at {
            None => (format!("DELETE FROM {table}"), 1),
            Some(column) => (format!("UPDATE {table} SET \"{column}\" = $1{}", touched(1)), 2 + by),
        };
        let delete_by_id = format!("{head} WHERE \"{id}\" = ${next}{}", alive("AND"));
        let delete = match name_of(Role::Version) {
            None => delete_by_id.clone(),
            Some(version) => format!("{delete_by_id} AND \"{version}\" = ${}", next + 1),
        };
        let restore = deleted_at.map(|column| {
            let time = usize::from(updated_at.is_some());
            format!(
                "UPDATE {table} SET \"{column}\" = NULL{} WHERE \"{id}\" = ${} AND \"{column}\" IS NOT NULL RETURNING {columns}",
                touched(time),
                time + by + 1
            )
        });
        Self {
            insert: format!("INSERT INTO {table} ({columns}) VALUES ({})", values.join(", ")),
            get: format!("SELECT {columns} FROM {table} WHERE \"{id}\" = $1{}", alive("AND")),
            exists: format!("SELECT 1 FROM {table} WHERE \"{id}\" = $1{}", alive("AND")),
            count: format!("SELECT count(*) FROM {table}{}", alive("WHERE")),
            columns,
            delete_by_id,
            delete,
            restore,
        }
    }
}
