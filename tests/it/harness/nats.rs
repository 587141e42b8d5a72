//! Private NATS servers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use async_nats::{ConnectOptions, jetstream};
use futures_util::StreamExt;
use tests::{Nats, Scratch};
use tokio::time::timeout;

use crate::{A_WHILE, LONG, play, role};

async fn nats(url: &str) -> async_nats::Client {
    async_nats::connect(url).await.expect("NATS lets us in")
}

async fn stream(url: &str) -> jetstream::stream::Stream {
    let config =
        jetstream::stream::Config { name: "KEPT".into(), subjects: vec!["kept.>".into()], ..Default::default() };
    jetstream::new(nats(url).await).get_or_create_stream(config).await.expect("JetStream is on")
}

#[tokio::test]
async fn nats_keeps_acknowledged_messages_through_kill_and_restart() {
    let mut server = Nats::start_with("jetstream { sync_interval: always }").await;
    let url = server.url();
    stream(&url).await;
    for end in ["kill", "restart"] {
        let publisher = jetstream::new(nats(&url).await);
        publisher.publish("kept.one", "x".into()).await.expect("sent").await.expect("acknowledged");
        if end == "kill" {
            server.kill();
            async_nats::connect(&url).await.expect_err("nobody listens");
        }
        server.restart().await;
    }
    let state = stream(&url).await.get_info().await.expect("the stream is there").state;
    assert_eq!(state.messages, 2);
    assert!(server.store().join("jetstream").is_dir(), "{}", server.log());
    assert!(server.log().contains("Server is ready"), "{}", server.log());
}

#[tokio::test]
async fn nats_takes_a_configuration() {
    let server = Nats::start_with("max_payload: 4321").await;
    assert_eq!(nats(&server.url()).await.server_info().max_payload, 4321);
}

#[tokio::test]
async fn nats_lets_only_the_user_in_and_can_do_without_jetstream() {
    let server = Nats::options().user("somebody", "secret").without_jetstream().start().await;
    assert!(server.url().starts_with("nats://somebody:secret@127.0.0.1:"));
    let address = server.address().to_string();
    // The client takes no user from a URL.
    let login = |password: &str| ConnectOptions::with_user_and_password("somebody".into(), password.into());
    async_nats::connect(&address).await.expect_err("a password is needed");
    login("wrong").connect(&address).await.expect_err("the password is wrong");
    let client = login("secret").connect(&address).await.expect("NATS lets the user in");
    jetstream::new(client).query_account().await.expect_err("JetStream is off");
}

#[tokio::test]
async fn nats_puts_its_store_where_it_is_told() {
    let place = Scratch::new("elsewhere");
    let server = Nats::options().store(place.path()).start().await;
    stream(&server.url()).await;
    assert!(place.join("jetstream").is_dir());
}

#[tokio::test]
async fn a_stopped_nats_answers_nothing_until_it_goes_on() {
    let server = Nats::start().await;
    let client = nats(&server.url()).await;
    let mut echo = client.subscribe("echo").await.expect("subscribed");
    client.flush().await.expect("the server knows");
    server.stop();
    client.publish("echo", "x".into()).await.expect("buffered");
    timeout(A_WHILE, echo.next()).await.expect_err("a stopped server delivers nothing");
    server.cont();
    timeout(LONG, echo.next()).await.expect("delivered").expect("a message");
}

#[tokio::test]
async fn an_old_nats_is_refused_with_the_command_that_gets_a_new_one() {
    if role().is_some() {
        Nats::start().await;
        return;
    }
    let scratch = Scratch::new("old");
    let old = scratch.join("nats-server");
    fs::write(&old, "#!/bin/sh\necho 'nats-server: v2.9.10'\n").expect("written");
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).expect("executable");
    for (server, reason) in [(old.as_path(), "is too old (nats-server: v2.9.10)"), (Path::new("/none"), "does not run")]
    {
        let test = play("user", "nats::an_old_nats_is_refused_with_the_command_that_gets_a_new_one")
            .env("NATS_SERVER", server)
            .start();
        assert!(!test.ended(LONG).await.success());
        assert!(test.log().contains(reason), "{}", test.log());
        assert!(test.log().contains("run `tests/run --setup`"), "{}", test.log());
    }
}
