//! Everything in one process: SQLite and the in-process bus, and the same on servers.

use tests::{Nats, Postgres, Scratch, equal, eventually};

use crate::clinic::{PATIENCE, clinic, counts, folder, report, sample_counts, sqlite, succeeds};

#[tokio::test]
async fn the_sample_adds_up_and_importing_it_twice_changes_nothing() {
    let scratch = Scratch::new("clinic");
    let (database, file) = (sqlite(&scratch), scratch.join("report.json"));
    for _ in 0..2 {
        let run = clinic().arg("run").arg("--input").arg(folder("sample")).args(["--database", &database]);
        let summary = succeeds(run.arg("--report").arg(&file).start()).await;
        assert!(summary.contains("appointment.scheduled"), "{summary}");
        let written = std::fs::read(&file).expect("the report was written");
        let written: serde_json::Value = serde_json::from_slice(&written).expect("the report is JSON");
        assert_eq!(counts(&written), sample_counts());
        assert_eq!(written["duplicates_suppressed"], 0);
        assert_eq!(report(&database).await, written);
    }
}

#[tokio::test]
async fn postgres_and_jetstream_report_the_same() {
    let (database, nats) = (Postgres::shared().await.database().await, Nats::start().await);
    let run = clinic().arg("run").arg("--input").arg(folder("sample"));
    succeeds(run.args(["--database", &database, "--nats", &nats.url()]).start()).await;
    assert_eq!(counts(&report(&database).await), sample_counts());
}

#[tokio::test]
async fn killed_in_the_middle_and_run_again_it_reports_the_same() {
    let scratch = Scratch::new("clinic");
    let database = sqlite(&scratch);
    let run = || clinic().arg("run").arg("--input").arg(folder("sample")).args(["--database", &database]).start();
    let db = {
        let first = run();
        let db = eventually(PATIENCE, async || shared::Db::connect(&database).await).await;
        eventually(PATIENCE, async || {
            let published = db.outbox().published_by_subject().await.map_err(|error| error.to_string())?;
            let handled = published.get("invoice.issued").copied().unwrap_or(0);
            equal(handled > 50, true)
        })
        .await;
        assert!(first.status().is_none(), "it ended before it could be killed:\n{}", first.log());
        first.kill();
        db
    };
    db.close().await;
    succeeds(run()).await;
    assert_eq!(counts(&report(&database).await), sample_counts());
}
