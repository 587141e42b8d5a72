//! Where a case runs: a database of its own, with one table and the library's own.

use std::time::Duration;

use shared::db::{DbOptions, Engine};
use shared::prelude::*;
pub(crate) use tests::{Moment, dropped_after};
use tests::{Postgres, Scratch};

/// For conditions that hold within moments, on a machine that has other things to do.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// For a whole case: a hung one must not hang the others.
pub(crate) const CASE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Memory,
    File,
    Postgres,
}

/// Makes a test of each case on each database; `lasting` ones need more than one handle on it.
macro_rules! cases {
    (
        everywhere: [$($everywhere:ident),* $(,)?],
        lasting: [$($lasting:ident),* $(,)?] $(,)?
    ) => {
        #[cfg(feature = "sqlite")]
        $crate::surroundings::cases!(@ memory, Memory, $($everywhere),*);
        #[cfg(feature = "sqlite")]
        $crate::surroundings::cases!(@ file, File, $($everywhere,)* $($lasting),*);
        #[cfg(feature = "postgres")]
        $crate::surroundings::cases!(@ postgres, Postgres, $($everywhere,)* $($lasting),*);
    };
    (@ $place:ident, $database:ident, $($case:ident),* $(,)?) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    use $crate::surroundings::{CASE, Database, Surroundings};
                    let place = Surroundings::new(Database::$database).await;
                    tokio::time::timeout(CASE, super::$case(place)).await.expect("the case ends in time");
                }
            )*
        }
    };
}
pub(crate) use cases;

/// A thing with a name that no other one has.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "things")]
pub(crate) struct Thing {
    #[entity(id)]
    pub(crate) id: Uuid,
    #[entity(unique)]
    pub(crate) name: String,
}

/// Something happened to a thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "thing.named", key = name)]
pub(crate) struct Named {
    pub(crate) name: String,
}

pub(crate) fn thing(name: &str) -> NewThing {
    NewThing { name: name.to_owned() }
}

pub(crate) fn named(name: &str) -> Named {
    Named { name: name.to_owned() }
}

pub(crate) struct Surroundings {
    pub(crate) url: String,
    pub(crate) database: Database,
    _files: Scratch,
}

impl Surroundings {
    pub(crate) async fn new(database: Database) -> Self {
        let files = Scratch::new("transactions");
        let url = match database {
            Database::Memory => "sqlite::memory:".to_owned(),
            Database::File => format!("sqlite://{}", files.join("transactions.db").display()),
            Database::Postgres => Postgres::shared().await.database().await,
        };
        Self { url, database, _files: files }
    }

    /// A handle with a pool of one connection, so that whatever a connection was left in shows.
    pub(crate) async fn db(&self) -> Db {
        self.connect(DbOptions::new(&self.url).max_connections(1)).await
    }

    pub(crate) async fn connect(&self, options: DbOptions) -> Db {
        let db = options.connect().await.expect("the database is there");
        db.create_tables(&entities![Thing]).await.expect("tables are made");
        db
    }
}

/// The names of the committed things, sorted.
pub(crate) async fn names(db: &Db) -> Vec<String> {
    let things = db.repo::<Thing>().query().order_by(Thing::NAME.asc()).all().await;
    things.expect("they can be read").into_iter().map(|thing| thing.name).collect()
}

/// The keys of the committed events, in order.
pub(crate) async fn events(db: &Db) -> Vec<String> {
    use futures_util::TryStreamExt as _;
    let entries: Vec<_> = db.outbox().entries().try_collect().await.expect("they can be read");
    entries.into_iter().filter_map(|entry| entry.key).collect()
}

pub(crate) async fn holds(db: &Db, names_and_events: &[&str]) {
    assert_eq!(names(db).await, names_and_events);
    assert_eq!(events(db).await, names_and_events);
}

/// Proves that no connection of the pool is in a transaction: two statements run in different ones.
pub(crate) async fn clean(db: &Db) {
    match db.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => {
            let pool = db.postgres().expect("it is Postgres");
            let mut ids = Vec::new();
            for _ in 0..2 {
                // not prepared: behind PgBouncer the next message may go to another server connection
                let row = sqlx::raw_sql("SELECT pg_current_xact_id()::text").fetch_one(pool).await;
                ids.push(sqlx::Row::get::<String, _>(&row.expect("the statement runs"), 0));
            }
            assert_ne!(ids[0], ids[1], "both statements ran in one transaction");
        }
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => {
            // A transaction within a transaction is an error; this is the writer's connection.
            for _ in 0..2 {
                db.transaction(async |_tx| Ok(())).await.expect("no transaction is open");
            }
            // In memory it is the only one, on a file one of the readers'.
            let pool = db.sqlite().expect("it is SQLite");
            let mut connection = pool.acquire().await.expect("a connection is free");
            for sql in ["BEGIN", "ROLLBACK"] {
                sqlx::query(sql).execute(&mut *connection).await.expect("no transaction is open");
            }
        }
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        engine => unreachable!("{engine} is not compiled in"),
    }
}

#[track_caller]
pub(crate) fn is_usage<T: std::fmt::Debug>(result: Result<T>, part: &str) {
    match result {
        Err(Error::Usage(text)) if text.contains(part) => {}
        other => panic!("{other:?} does not say {part:?}"),
    }
}
