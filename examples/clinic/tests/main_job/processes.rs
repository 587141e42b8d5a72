//! One process for each service, and some of them killed.

use tests::{Nats, Postgres, Process, equal, eventually};

use crate::clinic::{PATIENCE, clinic, counts, folder, report, sample_counts, succeeds};

struct Clinic {
    database: String,
    nats: Nats,
}

impl Clinic {
    async fn start() -> Self {
        Self { database: Postgres::shared().await.database().await, nats: Nats::start().await }
    }

    fn serve(&self, service: &str) -> Process {
        clinic().args(["serve", service, "--database", &self.database, "--nats", &self.nats.url()]).start()
    }

    fn import(&self) -> Process {
        clinic().arg("import").arg("--input").arg(folder("sample")).args(["--database", &self.database]).start()
    }

    async fn db(&self) -> shared::Db {
        shared::Db::connect(&self.database).await.expect("the database is there")
    }

    /// Waits until more than this many events of a subject were published.
    async fn published(&self, db: &shared::Db, subject: &str, more_than: u64) {
        eventually(PATIENCE, async || {
            let published = db.outbox().published_by_subject().await.map_err(|error| error.to_string())?;
            let count = published.get(subject).copied().unwrap_or(0);
            if count > more_than { Ok(()) } else { Err(format!("{count} of {subject}")) }
        })
        .await;
    }

    async fn settled(&self) {
        let db = self.db().await;
        let expected = sample_counts();
        eventually(PATIENCE, async || {
            let report = clinic::report::Report::read(&db).await.map_err(|error| error.to_string())?;
            let report = serde_json::to_value(report).map_err(|error| error.to_string())?;
            equal(counts(&report), expected.clone())
        })
        .await;
    }
}

#[tokio::test]
async fn four_processes_do_what_one_does() {
    let clinic = Clinic::start().await;
    let services = ["scheduling", "reminders", "billing", "timeline"].map(|service| clinic.serve(service));
    succeeds(clinic.import()).await;
    clinic.settled().await;
    assert_eq!(counts(&report(&clinic.database).await), sample_counts());
    for service in services {
        service.signal(tests::Signal::Term);
        let status = service.ended(PATIENCE).await;
        assert!(status.success(), "{status}\n{}", service.log());
    }
}

#[tokio::test]
async fn killed_services_and_a_killed_import_leave_no_trace() {
    let clinic = Clinic::start().await;
    let _others = ["reminders", "timeline"].map(|service| clinic.serve(service));
    let (scheduling, billing) = (clinic.serve("scheduling"), clinic.serve("billing"));
    let db = clinic.db().await;
    db.create_tables(&[]).await.expect("the tables can be made");
    let import = clinic.import();
    clinic.published(&db, "invoice.issued", 50).await;
    billing.kill();
    scheduling.kill();
    let (_scheduling, _billing) = (clinic.serve("scheduling"), clinic.serve("billing"));
    clinic.published(&db, "invoice.issued", 200).await;
    assert!(import.status().is_none(), "the import ended before it could be killed:\n{}", import.log());
    import.kill();
    succeeds(clinic.import()).await;
    clinic.settled().await;
    assert_eq!(counts(&report(&clinic.database).await), sample_counts());
}
