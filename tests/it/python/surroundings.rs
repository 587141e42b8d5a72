//! A service, its server and the programs beside it.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use shared::prelude::*;
use shared::{Config, Running};
use tests::{Nats, Process, Scratch, python};

const SOON: Duration = Duration::from_secs(60);

/// A visit was booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "visit.booked", key = room)]
pub(crate) struct VisitBooked {
    pub(crate) visit_id: Uuid,
    #[validate(length(min = 1))]
    pub(crate) room: String,
    #[validate(range(min = 5, max = 480))]
    pub(crate) minutes: u32,
    pub(crate) note: Option<Phi<String>>,
}

/// A visit was confirmed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "visit.confirmed", key = room)]
pub(crate) struct VisitConfirmed {
    pub(crate) visit_id: Uuid,
    pub(crate) room: String,
    pub(crate) booked_at: DateTime<Utc>,
    pub(crate) minutes: u32,
}

/// What the subscribers got.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) booked: Arc<Mutex<Vec<(Metadata, VisitBooked)>>>,
    pub(crate) confirmed: Arc<Mutex<Vec<(Metadata, VisitConfirmed)>>>,
}

#[subscribe("visit.booked")]
async fn see_booked(event: VisitBooked, _tx: &mut Tx, meta: &Metadata, State(seen): State<Seen>) -> Result<()> {
    seen.booked.lock().unwrap().push((meta.clone(), event));
    Ok(())
}

#[subscribe("visit.confirmed")]
async fn see_confirmed(event: VisitConfirmed, _tx: &mut Tx, meta: &Metadata, State(seen): State<Seen>) -> Result<()> {
    seen.confirmed.lock().unwrap().push((meta.clone(), event));
    Ok(())
}

pub(crate) struct Surroundings {
    pub(crate) config: Config,
    pub(crate) seen: Seen,
    nats: Nats,
    _files: Scratch,
}

impl Surroundings {
    pub(crate) async fn new() -> Self {
        let (nats, files) = (Nats::start().await, Scratch::new("python"));
        let config = Config::embedded()
            .with_database_url(format!("sqlite://{}", files.join("visits.db").display()))
            .with_nats_url(Some(nats.url()))
            .with_service("visits");
        Self { config, seen: Seen::default(), nats, _files: files }
    }

    /// The service whose subscribers note what they see.
    pub(crate) fn service(&self) -> Service {
        Service::new("visits").subscribe(subscribers![see_booked, see_confirmed]).state(self.seen.clone())
    }

    pub(crate) async fn start(&self, service: Service) -> Running {
        shared::start(&self.config, [service]).await.expect("the service starts")
    }

    /// Runs a program of this directory to its end, with the server's URL and these arguments. Returns the lines of
    /// JSON that it prints.
    pub(crate) async fn run(&self, program: &str, arguments: &[&str]) -> Vec<Value> {
        let process = self.launch(program, arguments);
        let status = process.ended(SOON).await;
        assert!(status.success(), "{program}: {status}\n{}", process.log());
        process.stdout().lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    pub(crate) fn launch(&self, program: &str, arguments: &[&str]) -> Process {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/python").join(program);
        let process = Process::command(python()).arg("-B").arg(path).arg(self.nats.url());
        process.args(arguments).start()
    }
}

pub(crate) async fn settle(running: &Running) {
    running.settled(SOON).await.expect("everything settles");
}

pub(crate) fn visit(room: &str) -> VisitBooked {
    VisitBooked {
        visit_id: id::new(),
        room: room.to_owned(),
        minutes: 30,
        note: Some("fasting — 空腹".to_owned().into()),
    }
}
