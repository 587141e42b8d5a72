//! Whether tables that are declared apart are apart.

use super::table::TableName;
use crate::db::Engine;
use crate::db::executor::{Access, Executor};
use crate::entity::{EntityDef, EntityValue as _};
use crate::error::{Error, Result};

/// Refuses two tables that are one: to SQLite, where small and capital letters are the same in names, and on Postgres,
/// where the search path finds one without a schema in the schema of the other.
///
/// # Errors
/// [`Error::Usage`] with both; those of the database.
pub(crate) async fn expect_several_tables(executor: &Executor, entities: &[&'static EntityDef]) -> Result<()> {
    for (place, one) in entities.iter().enumerate() {
        for other in entities.iter().take(place).filter(|other| one.table != other.table) {
            let why = match executor.engine() {
                Engine::Sqlite if one.table.eq_ignore_ascii_case(other.table) => {
                    "to SQLite, where small and capital letters are the same\nhelp: give one of them another name"
                }
                Engine::Postgres if is_one_by_search_path(executor, one, other).await? => {
                    "to Postgres, by its search path\nhelp: write the schema of both"
                }
                _ => continue,
            };
            let EntityDef { table: first, name: of_first, .. } = other;
            let EntityDef { table: second, name: of_second, .. } = one;
            return Err(Error::Usage(
                format!("the tables `{first}` of `{of_first}` and `{second}` of `{of_second}` are one {why}").into(),
            ));
        }
    }
    Ok(())
}

async fn is_one_by_search_path(executor: &Executor, one: &EntityDef, other: &EntityDef) -> Result<bool> {
    const SAME: &str = "SELECT to_regclass($1) = to_regclass($2)";
    let names = [one, other].map(|entity| match entity.table.split_once('.') {
        Some((schema, table)) => TableName { schema: Some(schema.to_owned()), table: table.to_owned() },
        None => TableName { schema: None, table: entity.table.to_owned() },
    });
    if names[0].table != names[1].table || names.iter().all(|name| name.schema.is_some()) {
        return Ok(false);
    }
    let mut args = executor.args();
    for name in &names {
        name.quoted().bind(&mut args);
    }
    let row = executor.fetch_optional(Access::Read, SAME, args, None).await?;
    Ok(row.map_or(Ok(None), |row| row.get(0))?.unwrap_or(false))
}
