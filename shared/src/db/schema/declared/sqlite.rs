//! As tables in memory.

use super::Statements;
use crate::db::schema::table::Table;
use crate::db::{Db, SqlText};
use crate::error::Result;

pub(super) async fn tables(all: &[Statements]) -> Result<Vec<Option<Table>>> {
    let place = Db::connect("sqlite::memory:").await?;
    let executor = place.executor();
    for one in all {
        executor.execute_script(SqlText::built(one.ddl.clone())).await?;
    }
    let mut tables = Vec::new();
    for one in all {
        tables.push(crate::db::schema::sqlite::read(&executor, &one.name).await?);
    }
    place.close().await;
    Ok(tables)
}
