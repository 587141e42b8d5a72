//! Child processes.

use std::time::Duration;

use tests::{Process, Signal, equal, eventually};

use crate::{LONG, alive, panic_of, shell};

#[tokio::test]
async fn output_and_status_are_kept_and_input_is_empty() {
    let process = Process::command("sh")
        .args(["-c", "cat; echo \"out $VALUE in $PWD\"; echo err >&2; exit 3"])
        .env("VALUE", "one two")
        .directory("/")
        .start();
    assert_eq!(process.ended(LONG).await.code(), Some(3));
    assert_eq!(process.stdout(), "out one two in /\n");
    assert_eq!(process.stderr(), "err\n");
    assert_eq!(process.log(), "out one two in /\nerr\n");
}

#[tokio::test]
async fn arguments_arrive_as_they_were_given() {
    let process = Process::command("printf").args(["<%s>", "a b", "$HOME", "'", "", "-n", "*"]).start();
    assert!(process.ended(LONG).await.success());
    assert_eq!(process.stdout(), "<a b><$HOME><'><><-n><*>");
}

#[tokio::test]
async fn a_program_that_does_not_exist_ends_with_the_reason() {
    let process = Process::command("/no/such/program").start();
    assert_eq!(process.ended(LONG).await.code(), Some(127));
    assert!(process.stderr().contains("/no/such/program"), "{}", process.stderr());
}

#[tokio::test]
async fn a_process_that_does_not_end_in_time_is_a_panic_with_its_output() {
    let message = panic_of(async {
        let process = shell("echo still waiting for godot; exec sleep 1000");
        eventually(LONG, async || equal(process.stdout().lines().count(), 1)).await;
        process.ended(Duration::from_millis(20)).await;
    })
    .await;
    assert!(message.contains("still waiting for godot"), "{message}");
}

#[tokio::test]
async fn signals_arrive_and_a_stopped_process_handles_them_after_it_goes_on() {
    let process = shell("trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 0.01; done");
    eventually(LONG, async || equal(process.stdout(), "ready\n")).await;
    process.stop();
    process.signal(Signal::Term);
    assert!(process.status().is_none());
    assert_eq!(process.stdout(), "ready\n");
    process.cont();
    assert_eq!(process.ended(LONG).await.code(), Some(5));
    assert_eq!(process.stdout(), "ready\nasked\n");
    // Nothing is left to receive them: they must not reach whoever gets the number next.
    process.signal(Signal::Kill);
    process.stop();
    assert_eq!(process.kill().code(), Some(5));
}

#[tokio::test]
async fn a_killed_process_ends_without_a_word() {
    let process = shell("trap 'echo never' TERM INT EXIT; echo ready; while :; do sleep 0.01; done");
    eventually(LONG, async || equal(process.stdout(), "ready\n")).await;
    assert!(!process.kill().success());
    assert_eq!(process.stdout(), "ready\n");
    assert!(process.status().is_some_and(|status| status.code().is_none()));
}

#[tokio::test]
async fn a_dropped_process_is_gone_even_if_it_was_stopped() {
    let process = shell("exec sleep 1000");
    let pid = process.pid();
    process.stop();
    assert!(alive(pid));
    drop(process);
    assert!(!alive(pid));
}
