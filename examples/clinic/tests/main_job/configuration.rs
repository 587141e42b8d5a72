//! Wrong surroundings: one clear error, exit code 2, no secret.

use tests::{Nats, Postgres, free_port};

use crate::clinic::{PATIENCE, clinic, folder};

async fn refused(name: &str, value: &str, expected: &[&str]) {
    let mut launch = clinic().arg("run").arg("--input").arg(folder("sample-bulk")).env(name, value);
    if name != "DATABASE_URL" {
        launch = launch.env("DATABASE_URL", "sqlite::memory:");
    }
    let process = launch.start();
    let status = process.ended(PATIENCE).await;
    let log = process.log();
    assert_eq!(status.code(), Some(2), "{name}={value}\n{log}");
    assert_eq!(log.matches("error:").count(), 1, "{log}");
    assert!(!log.contains("s3cret"), "{log}");
    for text in expected.iter().chain(&[name, "help:"]) {
        assert!(log.contains(text), "`{text}` is missing for {name}={value} in\n{log}");
    }
}

#[tokio::test]
async fn a_wrong_database_url_is_one_clear_error() {
    let port = free_port();
    let postgres = Postgres::shared().await;
    let nobody = postgres.url_of("nobody");
    let (scheme, rest) =
        postgres.url_of("postgres").split_once("://").map(|(s, r)| (s.to_owned(), r.to_owned())).expect("a URL");
    let (user, host) = rest.split_once('@').expect("a URL with a user");
    let user = user.split(':').next().expect("a user");
    let wrong_password = format!("{scheme}://{user}:s3cret@{host}");
    for (url, expected) in [
        ("mysql://me:s3cret@localhost/x", &["scheme", "postgres://"][..]),
        ("nonsense", &["scheme"]),
        (&format!("postgres://me:s3cret@127.0.0.1:{port}/x"), &["cannot be reached", "127.0.0.1"]),
        (&wrong_password, &["password"]),
        (&nobody, &["does not exist", "createdb"]),
        ("sqlite:///no/such/folder/x.db", &["cannot be opened"]),
    ] {
        refused("DATABASE_URL", url, expected).await;
    }
}

#[tokio::test]
async fn a_wrong_nats_url_is_one_clear_error() {
    let port = free_port();
    let secured = Nats::options().user("me", "right").start().await;
    let plain = Nats::options().without_jetstream().start().await;
    let postgres = Postgres::shared().await;
    let wrong_password = format!("nats://me:s3cret@{}", secured.address());
    let no_password = format!("nats://{}", secured.address());
    let no_nats = format!("nats://{}", postgres.address());
    for (url, expected) in [
        ("http://me:s3cret@localhost", &["nats://"][..]),
        (&format!("nats://127.0.0.1:{port}"), &["cannot be reached"]),
        (&wrong_password, &["refused"]),
        (&no_password, &["refused"]),
        (&format!("nats://{}", plain.address()), &["JetStream", "nats-server -js"]),
        (&no_nats, &["tried"]),
    ] {
        refused("NATS_URL", url, expected).await;
    }
}

#[tokio::test]
async fn other_variables_are_checked_too() {
    refused("NATS_ACK_WAIT", "s3cret", &["`500ms`"]).await;
    let process = clinic().args(["serve", "billing", "--database", "sqlite::memory:"]).start();
    let status = process.ended(PATIENCE).await;
    assert_eq!(status.code(), Some(2));
    assert!(process.stderr().contains("NATS_URL"), "{}", process.log());
}
