//! The commands of an operator: dead letters, and what is on the server.

use std::time::Duration;

use shared::prelude::*;
use tests::{Nats, Process, Scratch};

const PATIENCE: Duration = Duration::from_secs(60);

/// As the quickstart has it.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", key = patient_id)]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
    pub patient_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 5, max = 480))]
    pub duration_minutes: u32,
    pub reason: Option<Phi<String>>,
}

/// The version of yesterday, which had a fault.
#[subscribe("appointment.scheduled")]
async fn remind(_event: AppointmentScheduled, _tx: &mut Tx) -> Result<()> {
    Err(Error::permanent("it was broken"))
}

struct Operator {
    database: String,
    nats: Option<String>,
    _files: Scratch,
}

impl Operator {
    fn new(nats: Option<String>) -> Self {
        let files = Scratch::new("operations");
        Self { database: format!("sqlite://{}", files.join("reminders.db").display()), nats, _files: files }
    }

    /// Exit code and all that was said.
    async fn run(&self, arguments: &str) -> (Option<i32>, String) {
        let mut launch = Process::command(env!("CARGO_BIN_EXE_quickstart"))
            .args(arguments.split_whitespace())
            .env("DATABASE_URL", &self.database)
            .env_remove("NATS_URL")
            .env("RUST_LOG", "off");
        if let Some(nats) = &self.nats {
            launch = launch.env("NATS_URL", nats);
        }
        let process = launch.start();
        let code = process.ended(PATIENCE).await.code();
        (code, format!("{}{}", process.stdout(), process.stderr()))
    }

    #[track_caller]
    fn says((code, text): &(Option<i32>, String), expected: i32, parts: &[&str]) {
        assert_eq!(*code, Some(expected), "{text}");
        for part in parts {
            assert!(text.contains(part), "`{part}` in {text}");
        }
    }
}

/// Parks a letter for each of these reasons of a visit; returns their ids, oldest first.
async fn park(operator: &Operator, reasons: &[&str]) -> Vec<Uuid> {
    let config = shared::Config::embedded().with_database_url(&operator.database);
    let running = shared::start(&config, [Service::new("reminders").subscribe(subscribers![remind])]).await;
    let running = running.expect("it starts");
    for reason in reasons {
        let (appointment_id, patient_id, starts_at) = (id::new(), id::new(), time::now());
        let reason = Some(Phi::from(*reason));
        let event = AppointmentScheduled { appointment_id, patient_id, starts_at, duration_minutes: 30, reason };
        running.db().transaction(async |tx| tx.publish(event).await.map(|_| ())).await.expect("it commits");
    }
    running.settled(PATIENCE).await.expect("they are parked");
    let letters = running.db().dead_letters().list().await.expect("they are read");
    running.shutdown().await.expect("it ends in time");
    letters.iter().map(|letter| letter.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_shown_replayed_and_purged() {
    let operator = Operator::new(None);
    let ids = park(&operator, &["SENTINEL", "SENTINEL", "SENTINEL"]).await;

    let list = operator.run("dead-letters").await;
    Operator::says(
        &list,
        0,
        &["3 waiting", "reminders_remind", "permanent", "appointment.scheduled", &ids[0].to_string()],
    );
    assert!(!list.1.contains("SENTINEL"), "{}", list.1);
    Operator::says(&operator.run("dead-letters list --limit 1").await, 0, &["3 waiting, 1 of them listed"]);
    Operator::says(&operator.run("dead-letters list --reason timeout").await, 0, &["0 waiting"]);
    Operator::says(&operator.run("dead-letters list --older-than soon").await, 2, &["a span such as"]);

    let show = operator.run(&format!("dead-letters show {}", ids[0])).await;
    Operator::says(&show, 0, &["\"duration_minutes\": 30", "\"reason\": \"‹phi›\"", "--expose"]);
    assert!(!show.1.contains("SENTINEL"), "{}", show.1);
    Operator::says(&operator.run(&format!("dead-letters show {} --expose", ids[0])).await, 0, &["SENTINEL"]);

    for command in ["purge", "replay"] {
        // nothing is meant by saying nothing
        Operator::says(&operator.run(&format!("dead-letters {command}")).await, 2, &["--all", "--older-than"]);
        let both = format!("dead-letters {command} {} --all", ids[0]);
        Operator::says(&operator.run(&both).await, 2, &["cannot be used with"]);
    }
    Operator::says(&operator.run("dead-letters purge --older-than 1d").await, 0, &["0 deleted"]);
    Operator::says(&operator.run(&format!("dead-letters purge {}", ids[0])).await, 0, &["deleted"]);
    Operator::says(&operator.run("migrate").await, 0, &["tables are there"]);
    let replay = operator.run("dead-letters replay --subscription reminders_remind").await;
    Operator::says(&replay, 0, &["2 handled, 0 failed again"]);
    Operator::says(&operator.run("dead-letters replay --all").await, 0, &["0 handled"]);
    Operator::says(&operator.run("dead-letters list").await, 0, &["0 waiting"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_on_the_server_is_planned_and_applied() {
    let server = Nats::start().await;
    let operator = Operator::new(Some(server.url()));
    let missing = ["the stream `APPOINTMENT` is missing", "the consumer `reminders_remind`", "`REMINDER` is missing"];
    Operator::says(&operator.run("plan").await, 0, &missing);
    Operator::says(&operator.run("plan").await, 0, &missing);
    let applied = operator.run("apply").await;
    Operator::says(&applied, 0, &missing);
    Operator::says(&applied, 0, &["done"]);
    let nothing = "streams and consumers are what the subscribers declare";
    Operator::says(&operator.run("plan").await, 0, &[nothing]);
    Operator::says(&operator.run("apply").await, 0, &[nothing]);
}
