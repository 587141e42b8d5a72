//! Migrations: SQL files of a service, the library's own tables, and tables out of declarations.

mod files;
mod library;
mod run;

pub use self::files::{MigrationFile, Migrations};
pub(super) use self::library::LAYOUT;
use super::Db;
use super::failure::unmigrated;
use crate::error::Result;

impl Db {
    /// Applies the migrations of a service that have not been applied yet, in the order of their numbers; returns
    /// their names. Any number of processes may call this at once: one of them works, the others wait.
    ///
    /// Each file runs in a transaction of its own, so a failed one leaves nothing behind. On SQLite foreign keys are off
    /// meanwhile, as making a table anew needs it, and are checked as a whole before the commit. On Postgres there is
    /// no statement timeout, and a lock is waited for for 30 s. A file whose first line is `-- shared: no transaction`
    /// holds one statement that must run outside of a transaction, such as `CREATE INDEX CONCURRENTLY`.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # #[cfg(feature = "sqlite")] {
    /// use shared::db::{MigrationFile, Migrations};
    ///
    /// // a service says `shared::migrations!("migrations")`
    /// static FILES: &[MigrationFile] =
    ///     &[MigrationFile { name: "0001_rooms.sql", sql: "CREATE TABLE rooms (id TEXT NOT NULL PRIMARY KEY)" }];
    ///
    /// let db = shared::Db::connect("sqlite::memory:").await?;
    /// assert_eq!(db.migrate("scheduling", &Migrations::embedded(FILES)).await?, ["0001_rooms.sql"]);
    /// assert!(db.migrate("scheduling", &Migrations::embedded(FILES)).await?.is_empty());
    /// # }
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the file, with statement and line where one failed; when a file
    /// was changed or removed after it was applied; when one has a lower number than an applied one.
    pub async fn migrate(&self, service: &str, migrations: &Migrations) -> Result<Vec<String>> {
        self.create_library_tables().await?;
        run::run(self, service, migrations).await
    }

    /// The migrations of a service that have not been applied.
    ///
    /// # Errors
    /// As [`migrate`](Self::migrate).
    pub async fn pending_migrations(&self, service: &str, migrations: &Migrations) -> Result<Vec<String>> {
        run::pending(self, service, migrations).await
    }

    /// Refuses a database that waits for migrations.
    pub(crate) async fn expect_migrations(&self, service: &str, migrations: &Migrations) -> Result<()> {
        match self.pending_migrations(service, migrations).await?.as_slice() {
            [] => Ok(()),
            names => Err(unmigrated(format!("it waits for migrations of `{service}`: {}", names.join(", ")))),
        }
    }
}
