//! How a service gets to its server: who it is, whom it trusts, what it may do.

use shared::prelude::*;
use shared::{Config, ErrorKind};
use tests::{Certificate, Nats, Scratch};

use crate::handlers::{keep, service};
use crate::script::Script;

fn config(url: &str) -> Config {
    Config::embedded().with_database_url("sqlite::memory:").with_nats_url(Some(url.to_owned())).with_service("delivery")
}

async fn refused(config: &Config) -> String {
    Bus::from_config(config).await.expect_err("the server is not let in").to_string()
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` in {text}");
    }
}

async fn let_in(config: &Config) {
    let bus = Bus::from_config(config).await.expect("the server lets us in");
    bus.ping().await.expect("it answers");
}

fn path(path: &std::path::Path) -> Option<String> {
    Some(path.to_str().expect("the path is UTF-8").to_owned())
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_alone() {
    let files = Scratch::new("certificates");
    let made = Certificate::make(files.path());
    let (certificate, key) = (made.certificate.display(), made.key.display());
    let server = Nats::start_with(&format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}")).await;
    let mut config = config(&format!("tls://{}", server.address()));
    says(&refused(&config).await, &["`NATS_URL`", "TLS", "NATS_CA"]);
    config.nats_ca = path(&made.authority);
    let_in(&config).await;
    config.nats_ca = Some("/nowhere/ca.pem".into());
    says(&refused(&config).await, &["`NATS_CA`", "help: "]);
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_one() {
    let files = Scratch::new("certificates");
    let made = Certificate::make(files.path());
    let (authority, certificate, key) = (made.authority.display(), made.certificate.display(), made.key.display());
    let tls =
        format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\", ca_file: \"{authority}\", verify: true }}");
    let server = Nats::start_with(&tls).await;
    let mut config = config(&format!("tls://{}", server.address()));
    config.nats_ca = path(&made.authority);
    says(&refused(&config).await, &["`NATS_URL`", "help: "]);
    config.nats_certificate = path(&made.certificate);
    says(&refused(&config).await, &["`NATS_CERTIFICATE_KEY`", "`NATS_CERTIFICATE` is set", "help: "]);
    config.nats_certificate_key = path(&made.key);
    let_in(&config).await;
}

#[tokio::test]
async fn an_nkey_opens_the_door() {
    // a pair of the documentation of NATS
    const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    let files = Scratch::new("nkeys");
    let server = Nats::start_with(&format!("authorization {{ users: [ {{ nkey: {PUBLIC} }} ] }}")).await;
    let mut config = config(&server.url());
    says(&refused(&config).await, &["`NATS_URL`", "help: "]);
    let file = files.join("seed.nk");
    std::fs::write(&file, format!("# of the service\n{SEED}\n")).expect("it can be written");
    config.nats_nkey = path(&file);
    let_in(&config).await;
    std::fs::write(&file, "nothing").expect("it can be written");
    says(&refused(&config).await, &["`NATS_NKEY`", "no seed", "help: "]);
}

#[tokio::test]
async fn production_refuses_a_password_that_everybody_knows() {
    let read = |url: &'static str| {
        Config::from_lookup(|name| match name {
            "SERVICE_PROFILE" => Some("production".into()),
            "NATS_URL" => Some(url.into()),
            _ => None,
        })
    };
    let config = read("tls://me:changeme@127.0.0.1:1").expect("it is encrypted");
    let text = refused(&config).await;
    says(&text, &["`NATS_URL`", "everybody knows", "help: "]);
    assert!(!text.contains("changeme"), "{text}");
}

#[tokio::test]
async fn a_user_who_may_make_no_streams_is_told_so() {
    let server = Nats::start_with(
        "authorization { users: [ { user: reader, password: s3cret, \
         permissions: { publish: { deny: [\"$JS.API.STREAM.CREATE.>\"] } } } ] }",
    )
    .await;
    let url = server.url().replace("nats://", "nats://reader:s3cret@");
    let service = service("one", &Script::succeed()).subscribe(subscribers![keep]);
    let error = shared::start(&config(&url), [service]).await.expect_err("it does not start");
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    says(&error.to_string(), &["`NATS_URL`", "$JS.API.>", "help: "]);
}
