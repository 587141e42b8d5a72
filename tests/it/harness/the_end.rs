//! The end of a test binary. These tests run this binary once more, as the one whose end is
//! watched.

use std::fs;
use std::path::Path;

use sqlx::{Connection, PgConnection};
use tests::{Nats, Postgres, Scratch, equal, eventually};

use crate::{LONG, alive, play, role, shell};

/// Starts one of everything, some of it stopped, and says what there is to be cleaned up.
async fn start_everything() -> impl Sized {
    let scratch = Scratch::new("left");
    fs::write(scratch.join("file"), "x").expect("it is writable");
    let postgres = Postgres::start().await;
    let shared = Postgres::shared().await;
    shared.database().await;
    let mut connection = PgConnection::connect(&postgres.url()).await.expect("Postgres lets us in");
    let backend: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.expect("an answer");
    println!("pid {backend}");
    postgres.stop();
    let nats = Nats::start().await;
    let stopped = shell("exec sleep 1000");
    stopped.stop();
    let pids = fs::read_dir(scratch.path().with_file_name("pids")).expect("the list of processes");
    for pid in pids {
        println!("pid {}", pid.expect("an entry").file_name().display());
    }
    println!("root {}", scratch.path().parent().expect("a parent").display());
    println!("complete");
    (scratch, postgres, connection, nats, stopped)
}

/// Waits until nothing is left of what the other process said it had started.
async fn nothing_is_left(output: &str) {
    let pids: Vec<u32> = output.lines().filter_map(|line| line.strip_prefix("pid ")?.parse().ok()).collect();
    assert_eq!(pids.len(), 5, "two Postgres, a backend, NATS and a shell: {output}");
    let root = output.lines().find_map(|line| line.strip_prefix("root ")).expect("it says where its files are");
    eventually(LONG, async || {
        let living: Vec<&u32> = pids.iter().filter(|pid| alive(**pid)).collect();
        equal((living, Path::new(root).exists()), (vec![], false))
    })
    .await;
}

#[tokio::test]
async fn a_killed_test_binary_leaves_no_server_and_no_file_behind() {
    if role().is_some() {
        let _everything = start_everything().await;
        std::future::pending::<()>().await;
    }
    let victim = play("victim", "the_end::a_killed_test_binary_leaves_no_server_and_no_file_behind").start();
    eventually(LONG, async || victim.stdout().contains("complete").then_some(()).ok_or(victim.log())).await;
    victim.kill();
    nothing_is_left(&victim.stdout()).await;
}

#[tokio::test]
async fn a_finished_test_binary_leaves_no_server_and_no_file_behind() {
    if role().is_some() {
        // Nothing is dropped, as nothing in a static is.
        std::mem::forget(start_everything().await);
        return;
    }
    let finished = play("finished", "the_end::a_finished_test_binary_leaves_no_server_and_no_file_behind").start();
    assert!(finished.ended(LONG).await.success(), "{}", finished.log());
    nothing_is_left(&finished.stdout()).await;
}
