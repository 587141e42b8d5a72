//! A service in a process of its own, which can be killed and frozen: this test binary once more.

use std::env;

use shared::Config;
use tests::{Process, eventually};

use crate::surroundings::{Database, SOON, Surroundings};
use crate::vocabulary::counting;

/// Set in the environment of such a process.
const ROLE: &str = "RELAY_TEST_ROLE";

/// What it says when the service runs.
const STARTED: &str = "the service has started";

/// Starts the service on these surroundings, and waits until it runs.
pub(crate) async fn start(place: &Surroundings) -> Process {
    let process = Process::command(env::current_exe().expect("the path of this binary"))
        .args(["--exact", "child::a_service_runs_in_a_process_of_its_own", "--nocapture"])
        .env(ROLE, "service")
        .env("RUST_LOG", "info")
        .env("DATABASE_URL", &place.config.database_url)
        .env("NATS_URL", place.nats.url())
        .env("NATS_ACK_WAIT", "2s")
        .env("NATS_SYNC_ALWAYS", place.config.nats_sync_always.to_string())
        .start();
    eventually(SOON, async || process.stdout().contains(STARTED).then_some(()).ok_or_else(|| process.log())).await;
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_runs_in_a_process_of_its_own() {
    if env::var_os(ROLE).is_some() {
        shared::log::init();
        let config = Config::from_env().expect("the environment is as it should be");
        let _running = shared::start(&config, [counting()]).await.expect("the service starts");
        println!("{STARTED}");
        return std::future::pending().await;
    }
    let database = if cfg!(feature = "postgres") { Database::Postgres } else { Database::File };
    let place = Surroundings::new(database).await;
    let process = start(&place).await;
    assert!(process.status().is_none(), "{}", process.log());
    process.kill();
    assert!(process.status().is_some());
}
