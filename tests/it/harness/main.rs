//! The harness itself: what the other tests rely on must hold.

mod nats;
mod places;
mod postgres;
mod processes;
mod proxy;
mod the_end;
mod waiting;

use std::time::Duration;
use std::{env, fs};

use tests::{Launch, Process};

/// Far more than anything here takes: reaching it means that something hangs.
const LONG: Duration = Duration::from_secs(60);

/// For asserting that something does not happen: long enough that it would have.
const A_WHILE: Duration = Duration::from_millis(300);

fn shell(script: &str) -> Process {
    Process::command("sh").args(["-c", script]).start()
}

/// The message with which a task panicked.
async fn panic_of(task: impl Future<Output = ()> + Send + 'static) -> String {
    let panic = tokio::spawn(task).await.expect_err("the task panics").into_panic();
    *panic.downcast::<String>().expect("a panic with a formatted message")
}

fn alive(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z') && !line.contains('X'))
}

/// Set in the environment of a test binary that a test of this one started.
const ROLE: &str = "SHARED_TESTS_ROLE";

/// Runs the test of that name alone in a process of its own, with the role in its environment.
fn play(role: &str, test: &str) -> Launch {
    Process::command(env::current_exe().expect("the path of this binary"))
        .args(["--exact", test, "--nocapture"])
        .env(ROLE, role)
}

fn role() -> Option<String> {
    env::var(ROLE).ok()
}
