//! Private Postgres servers.

use std::fs;
use std::path::Path;

use sqlx::{Connection, PgConnection};
use tests::Postgres;
use tokio::time::timeout;

use crate::{A_WHILE, LONG, alive};

async fn postgres(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("Postgres lets us in")
}

async fn number(connection: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.expect("the query is answered")
}

#[tokio::test]
async fn databases_of_the_shared_server_are_empty_and_apart() {
    let (one, two) = tokio::join!(async { Postgres::shared().await.database().await }, async {
        Postgres::shared().await.database().await
    });
    assert_ne!(one, two);
    for url in [one, two] {
        let mut connection = postgres(&url).await;
        sqlx::query("CREATE TABLE thing (id bigint)").execute(&mut connection).await.expect("the database is empty");
        assert_eq!(number(&mut connection, "SELECT count(*) FROM thing").await, 0);
    }
}

#[tokio::test]
async fn postgres_refuses_a_wrong_password() {
    let url = Postgres::shared().await.url().replace(Postgres::PASSWORD, "wrong");
    let error = PgConnection::connect(&url).await.expect_err("the password is wrong");
    let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    assert_eq!(code.as_deref(), Some("28P01"), "{error}");
}

#[tokio::test]
async fn postgres_takes_settings_and_is_durable_without_any() {
    let server = Postgres::start_with(&[("max_connections", "7"), ("application_name", "a b")]).await;
    let mut connection = postgres(&server.url()).await;
    let shown: String = sqlx::query_scalar("SHOW max_connections").fetch_one(&mut connection).await.expect("shown");
    assert_eq!(shown, "7");
    let durable: bool = sqlx::query_scalar(
        "SELECT bool_and(setting = 'on') FROM pg_settings
         WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')",
    )
    .fetch_one(&mut connection)
    .await
    .expect("shown");
    assert!(durable);
}

#[tokio::test]
async fn postgres_keeps_committed_rows_through_kill_immediate_stop_and_restart() {
    let mut server = Postgres::start_durable().await;
    let url = server.url();
    let mut connection = postgres(&url).await;
    sqlx::query("CREATE TABLE kept (id bigint)").execute(&mut connection).await.expect("created");
    for end in ["kill", "immediate", "restart"] {
        sqlx::query("INSERT INTO kept VALUES (1)").execute(&mut connection).await.expect("inserted");
        match end {
            "kill" => server.kill(),
            "immediate" => server.stop_immediately().await,
            _ => {}
        }
        if end != "restart" {
            sqlx::query("SELECT 1").execute(&mut connection).await.expect_err("the connection is broken");
            PgConnection::connect(&url).await.expect_err("nobody listens");
        }
        server.restart().await;
        connection = postgres(&url).await;
    }
    assert_eq!(number(&mut connection, "SELECT count(*) FROM kept").await, 3);
    assert!(server.log().contains("ready to accept connections"), "{}", server.log());
}

#[tokio::test]
async fn a_stopped_postgres_answers_nothing_until_it_goes_on() {
    let server = Postgres::start().await;
    let mut connection = postgres(&server.url()).await;
    assert_eq!(number(&mut connection, "SELECT 1::bigint").await, 1);
    server.stop();
    let mut query = std::pin::pin!(number(&mut connection, "SELECT 2::bigint"));
    timeout(A_WHILE, &mut query).await.expect_err("a stopped server answers nothing");
    server.cont();
    assert_eq!(timeout(LONG, query).await, Ok(2));
}

#[tokio::test]
async fn a_dropped_postgres_is_gone_with_its_data_and_its_memory() {
    let server = Postgres::start().await;
    let mut connection = postgres(&server.url()).await;
    let data: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut connection).await.expect("shown");
    let lock = fs::read_to_string(Path::new(&data).join("postmaster.pid")).expect("the server's own notes");
    let lines: Vec<&str> = lock.lines().collect();
    let pid: u32 = lines[0].parse().expect("a process id");
    let memory = lines[6].split_whitespace().nth(1).expect("the id of its shared memory").to_owned();
    let listed = || {
        let segments = fs::read_to_string("/proc/sysvipc/shm").expect("the kernel's list of shared memory");
        segments.lines().any(|line| line.split_whitespace().nth(1) == Some(memory.as_str()))
    };
    assert!(alive(pid) && listed());
    drop(server);
    assert!(!alive(pid));
    assert!(!Path::new(&data).exists());
    assert!(!listed());
}
