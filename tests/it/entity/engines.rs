//! The engines that every test runs on.

use shared::{Db, entities};

use crate::vocabulary::{Appointment, Everything, Patient, Shift, Ward};

/// Runs each test on every engine, each time with empty tables.
macro_rules! on_every_engine {
    ($($test:ident),* $(,)?) => {
        #[cfg(feature = "sqlite")]
        mod sqlite_file {
            $(
                #[tokio::test]
                async fn $test() {
                    let scratch = tests::Scratch::new("entity");
                    let db = shared::Db::connect(&crate::engines::file_in(&scratch)).await.unwrap();
                    crate::engines::tables(&db).await;
                    super::$test(db.clone()).await;
                    db.close().await;
                }
            )*
        }
        #[cfg(feature = "sqlite")]
        mod sqlite_memory {
            $(
                #[tokio::test]
                async fn $test() {
                    let db = shared::Db::connect("sqlite::memory:").await.unwrap();
                    crate::engines::tables(&db).await;
                    super::$test(db).await;
                }
            )*
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    let url = tests::Postgres::shared().await.database().await;
                    let db = shared::Db::connect(&url).await.unwrap();
                    crate::engines::tables(&db).await;
                    super::$test(db.clone()).await;
                    db.close().await;
                }
            )*
        }
    };
}
pub(crate) use on_every_engine;

/// The same with a database without tables.
macro_rules! on_every_empty_database {
    ($($test:ident),* $(,)?) => {
        #[cfg(feature = "sqlite")]
        mod sqlite_file {
            $(
                #[tokio::test]
                async fn $test() {
                    let scratch = tests::Scratch::new("entity");
                    let db = shared::Db::connect(&crate::engines::file_in(&scratch)).await.unwrap();
                    super::$test(db.clone()).await;
                    db.close().await;
                }
            )*
        }
        #[cfg(feature = "sqlite")]
        mod sqlite_memory {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(shared::Db::connect("sqlite::memory:").await.unwrap()).await;
                }
            )*
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    let url = tests::Postgres::shared().await.database().await;
                    let db = shared::Db::connect(&url).await.unwrap();
                    super::$test(db.clone()).await;
                    db.close().await;
                }
            )*
        }
    };
}
pub(crate) use on_every_empty_database;

/// Creates the tables.
pub async fn tables(db: &Db) {
    // the references decide the order, not the list
    db.create_tables(&entities![Appointment, Ward, Everything, Patient, Shift]).await.unwrap();
}

#[cfg(feature = "sqlite")]
pub fn file_in(scratch: &tests::Scratch) -> String {
    format!("sqlite://{}", scratch.join("entity.db").display())
}

/// Runs a statement of the test's own, beside the repository.
pub async fn execute(db: &Db, sql: &'static str) -> Result<(), sqlx::Error> {
    #[cfg(feature = "postgres")]
    if let Some(pool) = db.postgres() {
        return sqlx::raw_sql(sql).execute(pool).await.map(|_| ());
    }
    #[cfg(feature = "sqlite")]
    if let Some(pool) = db.sqlite() {
        return sqlx::raw_sql(sql).execute(pool).await.map(|_| ());
    }
    unreachable!("a `Db` is of one of the engines")
}

/// The same with a text that was made for it.
pub async fn execute_text(db: &Db, sql: String) -> Result<(), sqlx::Error> {
    #[cfg(feature = "postgres")]
    if let Some(pool) = db.postgres() {
        return sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await.map(|_| ());
    }
    #[cfg(feature = "sqlite")]
    if let Some(pool) = db.sqlite() {
        return sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await.map(|_| ());
    }
    unreachable!("a `Db` is of one of the engines")
}
