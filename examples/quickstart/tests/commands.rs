//! The commands about events, as the shell sees them.

use std::time::Duration;

use serde_json::Value;
use tests::{Official, Process, Scratch};

const PATIENCE: Duration = Duration::from_secs(60);
const LOCK: &str = "events.lock.json";

/// The service's command line in a directory of its own.
struct Shell(Scratch);

/// What a command has left: its exit code, and what it has printed.
struct Left {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Shell {
    fn new() -> Self {
        Self(Scratch::new("commands"))
    }

    async fn run(&self, arguments: &str) -> Left {
        let process = Process::command(env!("CARGO_BIN_EXE_quickstart"))
            .args(arguments.split_whitespace())
            .directory(self.0.path())
            .env_remove("DATABASE_URL")
            .env_remove("NATS_URL")
            .env("RUST_LOG", "warn")
            .start();
        let code = process.ended(PATIENCE).await.code();
        Left { code, stdout: process.stdout(), stderr: process.stderr() }
    }

    /// Changes what was released.
    fn rewrite(&self, from: &str, to: &str) {
        let file = self.0.join(LOCK);
        let lock = std::fs::read_to_string(&file).expect("the lock is there");
        assert!(lock.contains(from), "{from} in {lock}");
        std::fs::write(file, lock.replace(from, to)).expect("the lock can be written");
    }
}

impl Left {
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""));
        serde_json::from_str(&self.stdout).expect("it prints JSON")
    }

    /// Ended so, and said all of this.
    #[track_caller]
    fn says(&self, code: i32, texts: &[&str]) {
        let said = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.code, Some(code), "{said}");
        for text in texts {
            assert!(said.contains(text), "`{text}` in {said}");
        }
    }
}

#[tokio::test]
async fn schemas_are_printed_for_all_events_and_for_one() {
    let shell = Shell::new();
    let all = shell.run("schema show").await.json();
    let names: Vec<&str> = all.as_object().expect("it has a schema for each").keys().map(String::as_str).collect();
    assert_eq!(names, ["appointment.scheduled", "reminder.written"]);
    for schema in all.as_object().into_iter().flat_map(|all| all.values()) {
        assert_eq!(Official::json_schema(schema), [""; 0]);
    }
    assert_eq!(shell.run("schema").await.json(), all);
    assert_eq!(shell.run("schema show reminder.written").await.json(), all["reminder.written"]);
    assert_eq!(all["appointment.scheduled"]["properties"]["reason"]["x-phi"], true);
}

#[tokio::test]
async fn an_event_that_there_is_not_is_answered_with_those_that_there_are() {
    let left = Shell::new().run("schema show reminder.writen").await;
    left.says(2, &["takes `reminder.writen`", "help: its events are: appointment.scheduled, reminder.written"]);
    assert_eq!(left.stdout, "");
}

#[tokio::test]
async fn the_asyncapi_document_is_valid() {
    let document = Shell::new().run("asyncapi").await.json();
    assert_eq!(Official::asyncapi(&document), [""; 0]);
    assert_eq!(document["operations"]["send-reminder.written"]["action"], "send");
    assert_eq!(document["operations"]["remind-appointment.scheduled"]["action"], "receive");
}

#[tokio::test]
async fn the_page_has_a_picture_and_every_field() {
    let page = Shell::new().run("schema page").await;
    page.says(
        0,
        &["```mermaid\n", "## `appointment.scheduled`", "| `duration_minutes` | integer (uint32) | required |"],
    );
    page.says(0, &["nobody here | reminders/remind |"]);
}

#[tokio::test]
async fn additions_are_recorded_and_then_nothing_differs() {
    let shell = Shell::new();
    shell.run("schema check").await.says(1, &["is new, on \"reminder.written\"", "help: nobody breaks; record it"]);
    assert!(!shell.0.join(LOCK).exists(), "a check writes nothing");
    shell.run("schema accept").await.says(0, &["recorded reminder.written version 1", "is up to date; commit it"]);
    shell.run("schema check").await.says(0, &["are what `events.lock.json` says"]);
    shell.run("check").await.says(2, &["the tables of the library itself are missing", "help: ", "`migrate`"]);
    shell.run("migrate").await.says(0, &[]);
    shell.run("check").await.says(0, &["are what `events.lock.json` says", "database, tables and bus are fine"]);
    let recorded = std::fs::read(shell.0.join(LOCK)).expect("the lock is there");
    shell.run("schema accept").await.says(0, &["is up to date"]);
    assert_eq!(std::fs::read(shell.0.join(LOCK)).expect("the lock is there"), recorded);
}

#[tokio::test]
async fn what_breaks_somebody_is_reported_and_not_recorded() {
    let shell = Shell::new();
    shell.run("schema accept").await.says(0, &[]);
    shell.rewrite("\"maximum\": 480", "\"maximum\": 500");
    let released = std::fs::read(shell.0.join(LOCK)).expect("the lock is there");
    let breaks = "/duration_minutes: `maximum` was 500, is 480";
    shell.run("schema check").await.says(1, &[breaks, "help: ", "error: the events are not what was released"]);
    shell.run("check").await.says(1, &[breaks]);
    shell.run("schema accept").await.says(1, &[breaks, "error: nothing was recorded"]);
    assert_eq!(std::fs::read(shell.0.join(LOCK)).expect("the lock is there"), released);
}

#[tokio::test]
async fn an_event_is_forgotten_by_its_name() {
    let shell = Shell::new();
    shell.run("schema accept").await.says(0, &[]);
    shell.rewrite("\"reminder.written\": {", "\"reminder.sent\": {");
    shell.run("schema accept").await.says(1, &["`reminder.sent`"]);
    shell.run("schema accept --forget reminder.snet").await.says(2, &["`reminder.snet` is not recorded", "help: "]);
    shell
        .run("schema accept --forget reminder.written")
        .await
        .says(2, &["still publishes or takes `reminder.written`", "help: "]);
    let left = shell.run("schema accept --forget reminder.sent").await;
    left.says(0, &["recorded reminder.written version 1"]);
    shell.run("schema check").await.says(0, &[]);
}

#[tokio::test]
async fn a_lock_may_be_elsewhere_and_must_be_whole() {
    let shell = Shell::new();
    shell.run("schema accept --lock other.json").await.says(0, &["other.json is up to date"]);
    assert!(shell.0.join("other.json").exists() && !shell.0.join(LOCK).exists());
    shell.run("schema check --lock other.json").await.says(0, &[]);
    std::fs::write(shell.0.join("other.json"), "{").expect("the lock can be written");
    let broken = shell.run("schema check --lock other.json").await;
    broken.says(2, &["error: `other.json`: it is no lock of events", "help: restore it from version control"]);
    shell.run("schema accept --lock no/such/folder.json").await.says(2, &["it cannot be written", "help: "]);
}

#[tokio::test]
async fn help_names_every_command() {
    let shell = Shell::new();
    shell.run("--help").await.says(0, &["schema ", "asyncapi ", "check ", "Environment:"]);
    shell.run("schema --help").await.says(0, &["show ", "page ", "check ", "accept "]);
    shell.run("schema accept --help").await.says(0, &["--forget <EVENT_TYPE>", "--lock <LOCK>"]);
    shell.run("schema chek").await.says(2, &["unrecognized subcommand 'chek'", "similar subcommand exists: 'check'"]);
}
