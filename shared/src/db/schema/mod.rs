//! Whether tables are what entities declare.

mod compare;
mod declared;
mod difference;
mod mend;
#[cfg(feature = "sqlite")]
mod normal;
#[cfg(feature = "postgres")]
mod postgres;
pub(crate) mod several;
pub(crate) mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod table;

pub use self::difference::{Difference, Mend, Part, plan};
use self::table::{Table, TableName};
use super::executor::Executor;
use super::{Db, Engine};
use crate::entity::EntityDef;
use crate::error::{Error, Result};

impl Db {
    /// Compares the tables with what the entities declare: columns with types and NULLs, keys, indexes, foreign keys and
    /// checks. The engine itself judges what is equal: on Postgres each declaration becomes a temporary table for that
    /// moment, on SQLite a table in memory. Nothing is changed.
    ///
    /// What is declared must be there. What is there besides is fine unless it is in the way: further columns must be
    /// nullable or have a default.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # #[cfg(feature = "sqlite")] {
    /// # use shared::prelude::*;
    /// # #[derive(Debug, Entity)]
    /// # #[entity(table = "rooms")]
    /// # struct Room {
    /// #     #[entity(id)]
    /// #     id: Uuid,
    /// #     name: String,
    /// # }
    /// let db = Db::connect("sqlite::memory:").await?;
    /// db.create_tables(&entities![Room]).await?;
    /// assert!(db.check_tables(&entities![Room]).await?.is_empty());
    /// # }
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Those of the database; [`Error::Config`] when the user may not create temporary tables; [`Error::Usage`] when two
    /// entities have different tables that are one: to SQLite, if they differ in capital letters only, and on Postgres, if
    /// the search path finds the one without a schema in the schema of the other.
    pub async fn check_tables(&self, entities: &[&'static EntityDef]) -> Result<Vec<Difference>> {
        self.learn(entities);
        several::expect_several_tables(&self.executor(), entities).await?;
        let engine = self.engine();
        let mut differences = Vec::new();
        for declared in declared::declared(self, entities).await? {
            let found = read(&self.executor(), &declared.name).await?;
            differences.extend(compare::compare(&declared, found.as_ref(), engine));
        }
        Ok(differences)
    }

    /// Refuses tables that a service cannot work with, and warns of what it can.
    pub(crate) async fn expect_tables(&self, entities: &[&'static EntityDef]) -> Result<()> {
        let (fine, wrong): (Vec<_>, Vec<_>) =
            self.check_tables(entities).await?.into_iter().partition(Difference::is_tolerable);
        for difference in fine {
            tracing::warn!("{difference}");
        }
        let Some(first) = wrong.first() else { return Ok(()) };
        let problems: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        let sql = plan(&wrong, self.engine());
        Err(Error::config(
            format!("table `{}`", first.table),
            format!("it is not what the program declares\n  {}", problems.join("\n  ")),
            format!("look at this SQL, which `plan --sql` writes as a migration, and run it\n{sql}"),
        ))
    }
}

async fn read(executor: &Executor, name: &TableName) -> Result<Option<Table>> {
    match executor.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::read(executor, name).await,
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::read(executor, name).await,
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        _ => unreachable!("a `Db` of an engine that is not compiled in cannot be made"),
    }
}
