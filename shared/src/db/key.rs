//! The keys that were made along with the library's tables.

use super::Db;
use super::executor::{Access, Executor};
use crate::entity::CursorKey;
use crate::error::{Error, Result};

impl Executor {
    /// The configured key, or else the one that was made along with the library's tables: whoever can read it can read
    /// the rows themselves, and every process on this database has the same.
    pub(crate) async fn cursor_key(&self) -> Result<CursorKey> {
        let known = self.db().known_cursor_key();
        if let Some(key) = known.get() {
            return Ok(key.clone());
        }
        let sql = "SELECT key FROM shared_keys WHERE name = 'cursor'";
        let row = match self.fetch_optional(Access::Read, sql, self.args(), None).await {
            // the table is missing
            Err(Error::Database(_)) | Ok(None) => return Err(no_key()),
            Ok(Some(row)) => row,
            Err(error) => return Err(error),
        };
        let key: Vec<u8> = row.required(0)?;
        let key = CursorKey::new(key.try_into().map_err(|_| no_key())?);
        Ok(known.get_or_init(|| key).clone())
    }
}

impl Db {
    /// What the processes on this database call each other by: it says nothing of the database.
    pub(crate) async fn nudge_token(&self) -> Result<String> {
        let executor = self.executor();
        let sql = "SELECT key FROM shared_keys WHERE name = 'nudge'";
        let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
        let row = row.ok_or(Error::Unavailable { what: "a row of `shared_keys` is missing".into(), source: None })?;
        let key: Vec<u8> = row.required(0)?;
        Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn no_key() -> Error {
    Error::config(
        "CURSOR_KEY",
        "it is not set, and the database has no key for page cursors",
        "create the library's tables, which have one (`Db::create_tables`), or set the variable to what `openssl rand -hex 32` prints",
    )
}
