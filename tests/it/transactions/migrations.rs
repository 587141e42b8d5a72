//! Migrations: applied once, whole or not at all, and refused when they are not what was applied.

use futures_util::TryStreamExt as _;
use shared::Config;
use shared::db::{Engine, Migrations};
use shared::prelude::*;
use tests::Scratch;

use crate::surroundings::{Surroundings, Thing, cases, clean, named, names, thing};

cases! {
    everywhere: [
        they_are_applied_in_order_and_once,
        a_failed_one_leaves_nothing_and_says_where,
        what_was_applied_must_stay_as_it_was,
        one_that_comes_late_is_refused,
        what_a_newer_program_applied_is_left_alone,
        a_database_of_the_first_layout_goes_on,
        a_dropped_one_is_whole_or_nothing,
    ],
    lasting: [ten_handles_apply_each_once],
}

/// A folder of migrations.
struct Folder(Scratch);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(Scratch::new("migrations"));
        for (name, sql) in files {
            folder.write(name, sql);
        }
        folder
    }

    fn write(&self, name: &str, sql: &str) {
        std::fs::write(self.0.join(name), sql).expect("it can be written");
    }

    fn read(&self) -> Migrations {
        Migrations::read(self.0.path()).expect("it can be read")
    }
}

const ROOMS: &str = "CREATE TABLE rooms (name TEXT NOT NULL);\nINSERT INTO rooms VALUES ('one; two');\n";

async fn rooms(db: &Db) -> Vec<String> {
    let sql = "SELECT name FROM rooms ORDER BY name";
    #[cfg(feature = "postgres")]
    if let Some(pool) = db.postgres() {
        return sqlx::query_scalar(sql).fetch_all(pool).await.expect("the table is there");
    }
    #[cfg(feature = "sqlite")]
    if let Some(pool) = db.sqlite() {
        return sqlx::query_scalar(sql).fetch_all(pool).await.expect("the table is there");
    }
    unreachable!("a `Db` is of one of the engines")
}

async fn run(db: &Db, sql: &'static str) {
    let done = match db.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => sqlx::raw_sql(sql).execute(db.postgres().expect("it is Postgres")).await.map(|_| ()),
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlx::raw_sql(sql).execute(db.sqlite().expect("it is SQLite")).await.map(|_| ()),
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        engine => unreachable!("{engine} is not compiled in"),
    };
    done.expect("the statement runs");
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, parts: &[&str]) {
    let text = match result {
        Err(Error::Config(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    for part in parts.iter().chain(&["help: "]) {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

async fn they_are_applied_in_order_and_once(place: Surroundings) {
    let db = place.db().await;
    let folder = Folder::new(&[
        ("0002_more.sql", "INSERT INTO rooms VALUES ('three')"),
        ("0001_rooms.sql", ROOMS),
        ("0003_of_one_engine.postgres.sql", "INSERT INTO rooms VALUES ('postgres')"),
        ("0003_of_one_engine.sqlite.sql", "INSERT INTO rooms VALUES ('sqlite')"),
        ("readme.md", "not one of them"),
    ]);
    assert_eq!(db.pending_migrations("one", &folder.read()).await.expect("it can be asked").len(), 3);
    let engine = db.engine().as_str();
    let third = format!("0003_of_one_engine.{engine}.sql");
    let applied = db.migrate("one", &folder.read()).await.expect("they are applied");
    assert_eq!(applied, ["0001_rooms.sql", "0002_more.sql", &third]);
    assert_eq!(rooms(&db).await, ["one; two", engine, "three"]);
    assert!(db.migrate("one", &folder.read()).await.expect("nothing is to be done").is_empty());
    // another service has numbers of its own
    let other = Folder::new(&[("0001_other.sql", "INSERT INTO rooms VALUES ('zzz')")]);
    assert_eq!(db.migrate("other", &other.read()).await.expect("it is applied"), ["0001_other.sql"]);
    assert_eq!(db.health().await.migrations, Some(4));
    clean(&db).await;
}

async fn a_failed_one_leaves_nothing_and_says_where(place: Surroundings) {
    let db = place.db().await;
    let bad =
        "\nINSERT INTO rooms VALUES ('half');\n-- a comment; with a semicolon\nINSERT\n INTO rooom VALUES ('s3cret');";
    let folder = Folder::new(&[("0001_rooms.sql", ROOMS), ("0002_bad.sql", bad)]);
    let result = db.migrate("one", &folder.read()).await;
    if let Err(error) = &result {
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
    let line = if db.engine() == Engine::Postgres { "(line 5)" } else { "(line 4)" };
    refused(result, &["`0002_bad.sql`", "statement 2 ", line, "rooom", "nothing of this file was applied"]);
    assert_eq!(rooms(&db).await, ["one; two"]);
    clean(&db).await;
    // a row that breaks a key is not told
    folder.write(
        "0002_bad.sql",
        "CREATE UNIQUE INDEX u ON rooms (name);\nINSERT INTO rooms VALUES ('s3cret'), ('s3cret')",
    );
    let error = db.migrate("one", &folder.read()).await.expect_err("it is refused");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    refused(Err::<(), _>(error), &["statement 2 (line 2)"]);
    folder.write("0002_bad.sql", "INSERT INTO rooms VALUES ('whole')");
    assert_eq!(db.migrate("one", &folder.read()).await.expect("it is right now"), ["0002_bad.sql"]);
    assert_eq!(rooms(&db).await, ["one; two", "whole"]);
    // foreign keys still hold
    run(&db, "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a INTEGER REFERENCES a (id))").await;
    let dangling = Folder::new(&[("0001_dangling.sql", "INSERT INTO b VALUES (7)")]);
    let refusal = if db.engine() == Engine::Postgres { "another row" } else { "rows of `b` refer to rows of `a`" };
    let result = db.migrate("two", &dangling.read()).await;
    match db.engine() {
        Engine::Postgres => refused(result, &["statement 1"]),
        Engine::Sqlite => refused(result, &[refusal]),
    }
    clean(&db).await;
}

async fn what_was_applied_must_stay_as_it_was(place: Surroundings) {
    let db = place.db().await;
    let folder = Folder::new(&[("0001_rooms.sql", ROOMS), ("0002_more.sql", "INSERT INTO rooms VALUES ('a')")]);
    db.migrate("one", &folder.read()).await.expect("they are applied");
    folder.write("0001_rooms.sql", &ROOMS.replace('\n', "\r\n"));
    assert!(db.migrate("one", &folder.read()).await.expect("line ends do not count").is_empty());
    folder.write("0001_rooms.sql", "CREATE TABLE rooms (name TEXT)");
    let changed = db.migrate("one", &folder.read()).await;
    refused(changed, &["`0001_rooms.sql`", "changed after it was applied", "put the change into a new one"]);
    std::fs::remove_file(folder.0.join("0001_rooms.sql")).expect("it is there");
    refused(
        db.migrate("one", &folder.read()).await,
        &["`0001_rooms.sql`", "is not there any more", "put the file back"],
    );
    clean(&db).await;
}

async fn one_that_comes_late_is_refused(place: Surroundings) {
    let db = place.db().await;
    let folder = Folder::new(&[("0005_rooms.sql", ROOMS)]);
    db.migrate("one", &folder.read()).await.expect("it is applied");
    folder.write("0004_late.sql", "INSERT INTO rooms VALUES ('late')");
    refused(db.migrate("one", &folder.read()).await, &["`0004_late.sql`", "number 5 was applied", "above 5"]);
    assert_eq!(rooms(&db).await, ["one; two"]);
}

async fn what_a_newer_program_applied_is_left_alone(place: Surroundings) {
    let db = place.db().await;
    let newer = Folder::new(&[("0001_rooms.sql", ROOMS), ("0002_more.sql", "INSERT INTO rooms VALUES ('newer')")]);
    db.migrate("one", &newer.read()).await.expect("they are applied");
    let older = Folder::new(&[("0001_rooms.sql", ROOMS)]);
    assert!(db.migrate("one", &older.read()).await.expect("the older program goes on").is_empty());
    // the library's own tables too
    run(&db, "INSERT INTO shared_migrations SELECT owner, 99, 'of a later version', checksum, applied_at FROM shared_migrations WHERE owner = '@shared' AND version = 1").await;
    db.create_library_tables().await.expect("a newer layout works with this program");
    assert!(db.health().await.is_ready());
}

/// What the first programs made, which kept the number of their layout in `shared_schema`.
const FIRST_LAYOUT: [&str; 2] = [include_str!("layout_1.postgres.sql"), include_str!("layout_1.sqlite.sql")];

async fn a_database_of_the_first_layout_goes_on(place: Surroundings) {
    let db = Db::connect(&place.url).await.expect("the database is there");
    run(&db, FIRST_LAYOUT[usize::from(db.engine() == Engine::Sqlite)]).await;
    assert!(!db.health().await.is_ready());
    db.create_tables(&entities![Thing]).await.expect("it is brought up to date");
    assert!(db.health().await.is_ready());
    assert_eq!(db.outbox().pending().await.expect("it can be read"), 1, "what was there stays");
    let work = db.transaction(async |tx| {
        tx.repo::<Thing>().create(thing("a")).await?;
        tx.publish(named("a")).await
    });
    work.await.expect("it works");
    let entries: Vec<_> = db.outbox().entries().try_collect().await.expect("they can be read");
    let waiting: Vec<_> = entries.iter().filter(|entry| entry.published_at.is_none()).map(|entry| &entry.key).collect();
    assert_eq!(waiting, [&Some("old".to_owned()), &Some("a".to_owned())]);
    let at = "2026-01-01T00:00:01Z".parse().expect("a time");
    let published = entries.iter().filter(|entry| entry.published_at == Some(at)).count();
    assert_eq!((published, entries.len()), (1203, 1205), "each once");
    let subjects = db.outbox().published_by_subject().await.expect("it can be read");
    assert_eq!(subjects.into_iter().collect::<Vec<_>>(), [("thing.named".to_owned(), 1203)]);
    assert_eq!(names(&db).await, ["a"]);
    db.create_tables(&entities![Thing]).await.expect("once");
}

async fn a_dropped_one_is_whole_or_nothing(place: Surroundings) {
    use crate::surroundings::{Moment, dropped_after};
    let db = place.db().await;
    let folder = Folder::new(&[("0001_rooms.sql", ROOMS)]);
    let mut ended = 0;
    for steps in 0..200 {
        let owner = format!("service {steps}");
        let output = dropped_after(steps, Moment::Waiting, db.migrate(&owner, &folder.read())).await;
        clean(&db).await;
        if db.pending_migrations(&owner, &folder.read()).await.expect("it can be asked").is_empty() {
            assert_eq!(rooms(&db).await, ["one; two"]);
            run(&db, "DROP TABLE rooms").await;
        } else {
            assert!(output.is_none());
        }
        // foreign keys are on, also after what was dropped
        #[cfg(feature = "sqlite")]
        if db.engine() == Engine::Sqlite {
            let on: i64 = db
                .transaction(async |tx| {
                    tx.sqlite(async |connection| {
                        Ok(sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(connection).await?)
                    })
                    .await
                })
                .await
                .expect("it can be asked");
            assert_eq!(on, 1);
        }
        ended += usize::from(output.is_some());
        if ended == 2 {
            return;
        }
    }
    panic!("it did not come to its end");
}

async fn ten_handles_apply_each_once(place: Surroundings) {
    let folder = Folder::new(&[("0001_rooms.sql", ROOMS), ("0002_more.sql", "INSERT INTO rooms VALUES ('two')")]);
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (url, migrations) = (place.url.clone(), folder.read());
            tokio::spawn(async move {
                let db = Db::connect(&url).await?;
                let applied = db.migrate("one", &migrations).await?;
                db.close().await;
                Ok::<_, Error>(applied.len())
            })
        })
        .collect();
    let mut applied = 0;
    for task in tasks {
        applied += task.await.expect("it ends").expect("it is migrated");
    }
    assert_eq!(applied, 2);
    assert_eq!(rooms(&place.db().await).await, ["one; two", "two"]);
}

/// Each as a process of its own would start.
#[cfg(feature = "nats")]
async fn ten_services_start_at_once(place: Surroundings) {
    let nats = tests::Nats::start().await;
    let things = Folder::new(&[
        ("0001_things.sql", "CREATE TABLE rooms (name TEXT NOT NULL)"),
        ("0002_room.sql", "INSERT INTO rooms VALUES ('once')"),
    ]);
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let config = Config::embedded().with_database_url(&place.url).with_nats_url(Some(nats.url()));
            let service = Service::new("ten").migrations(things.read());
            tokio::spawn(async move { shared::start(&config, [service]).await?.shutdown().await })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends").expect("it starts and stops");
    }
    assert_eq!(rooms(&place.db().await).await, ["once"]);
}

#[cfg(feature = "nats")]
mod services {
    use super::*;

    cases! { everywhere: [], lasting: [ten_services_start_at_once] }
    use super::ten_services_start_at_once;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn an_index_is_built_outside_of_a_transaction() {
    let place = Surroundings::new(crate::surroundings::Database::Postgres).await;
    let db = place.db().await;
    let concurrently = "-- shared: no transaction\nCREATE INDEX CONCURRENTLY rooms_name_idx ON rooms (name)";
    let folder = Folder::new(&[("0001_rooms.sql", ROOMS), ("0002_index.sql", concurrently)]);
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let (url, migrations) = (place.url.clone(), folder.read());
            tokio::spawn(async move { Db::connect(&url).await?.migrate("one", &migrations).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends").expect("it is built");
    }
    let there: bool = sqlx::query_scalar("SELECT to_regclass('rooms_name_idx') IS NOT NULL")
        .fetch_one(db.postgres().expect("it is Postgres"))
        .await
        .expect("it can be asked");
    assert!(there);
}

#[cfg(feature = "sqlite")]
mod starting {
    use super::*;

    fn config(place: &Surroundings) -> Config {
        Config::embedded().with_database_url(&place.url)
    }

    async fn file() -> Surroundings {
        Surroundings::new(crate::surroundings::Database::File).await
    }

    #[tokio::test]
    async fn a_table_that_is_not_what_is_declared_is_refused_with_the_sql_that_mends_it() {
        let place = file().await;
        let wrong = Folder::new(&[("0001_things.sql", "CREATE TABLE things (id BLOB NOT NULL PRIMARY KEY) STRICT")]);
        let service = || Service::new("one").entities(entities![Thing]).migrations(wrong.read());
        let result = shared::start(&config(&place), [service()]).await;
        refused(
            result.map(|_| ()),
            &[
                "table `things`",
                "`Thing`: column `name` of table `things` is missing",
                "`plan --sql`",
                "CREATE TABLE \"things__new\"",
            ],
        );
        let mut lenient = config(&place);
        lenient.check_tables = false;
        shared::start(&lenient, [service()]).await.expect("it was asked for").shutdown().await.expect("it stops");
    }

    #[tokio::test]
    async fn without_leave_to_migrate_a_database_that_waits_is_refused() {
        let place = file().await;
        let mut config = config(&place);
        config.migrate = false;
        let folder = Folder::new(&[("0001_rooms.sql", ROOMS)]);
        let service = || Service::new("one").migrations(folder.read());
        let help = ["`migrate`", "DATABASE_MIGRATE"];
        refused(shared::start(&config, [service()]).await.map(|_| ()), &[&["the library itself"][..], &help].concat());
        let db = Db::connect(&place.url).await.expect("the database is there");
        db.create_library_tables().await.expect("they are made");
        refused(
            shared::start(&config, [service()]).await.map(|_| ()),
            &[&["`one`: 0001_rooms.sql"][..], &help].concat(),
        );
        db.migrate("one", &folder.read()).await.expect("it is applied");
        shared::start(&config, [service()]).await.expect("it starts").shutdown().await.expect("it stops");
    }
}

/// `assert_schema!` on SQLite and on Postgres.
mod proof {
    use super::*;

    const THINGS: &str = "CREATE TABLE things (
        id uuid NOT NULL, name text COLLATE \"C\" NOT NULL,
        CONSTRAINT things_pkey PRIMARY KEY (id), CONSTRAINT things_name_key UNIQUE (name))";
    const THINGS_OF_SQLITE: &str =
        "CREATE TABLE things (id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT";

    fn service(folder: &Folder) -> Service {
        Service::new("one").entities(entities![Thing]).migrations(folder.read())
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn equal_on_sqlite() {
        let folder = Folder::new(&[("0001_things.sqlite.sql", THINGS_OF_SQLITE)]);
        shared::assert_schema!(service(&folder));
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn different_on_sqlite_and_inside_of_a_runtime() {
        let folder = Folder::new(&[("0001_things.sqlite.sql", &THINGS_OF_SQLITE.replace(" UNIQUE", ""))]);
        let panic = std::panic::catch_unwind(|| shared::assert_schema!(service(&folder))).expect_err("it differs");
        let text = panic.downcast_ref::<String>().expect("it says why");
        for part in [
            "`one`",
            "`things_name_key` of table `things` is missing",
            "help: ",
            "CREATE UNIQUE INDEX \"things_name_key\"",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let panic = std::panic::catch_unwind(|| shared::assert_schema!(Service::new("two"))).expect_err("it has none");
        assert!(panic.downcast_ref::<String>().expect("it says why").contains("has no migrations"));
    }

    #[cfg(feature = "postgres")]
    #[tokio::test]
    async fn equal_and_different_on_postgres() {
        let url = tests::Postgres::shared().await.url();
        let folder = Folder::new(&[("0001_things.postgres.sql", THINGS)]);
        shared::assert_schema!(service(&folder), on = &url);
        let folder = Folder::new(&[("0001_things.postgres.sql", &THINGS.replace(" COLLATE \"C\"", ""))]);
        let panic = std::panic::catch_unwind(|| shared::assert_schema!(service(&folder), on = &url));
        let panic = panic.expect_err("it differs");
        let text = panic.downcast_ref::<String>().expect("it says why");
        assert!(text.contains("is text NOT NULL instead of text COLLATE \"C\" NOT NULL"), "{text}");
    }
}
