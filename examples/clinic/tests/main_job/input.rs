//! Input in both layouts, and input that is broken.

use serde_json::json;
use tests::Scratch;

use crate::clinic::{PATIENCE, clinic, folder, report, sqlite, succeeds};

#[tokio::test]
async fn bulk_data_is_read_as_well() {
    let scratch = Scratch::new("clinic");
    let database = sqlite(&scratch);
    let run = clinic().arg("run").arg("--input").arg(folder("sample-bulk")).args(["--database", &database]);
    succeeds(run.start()).await;
    let report = report(&database).await;
    assert_eq!(report["patients"], 3);
    assert_eq!(report["appointments"], 51);
    assert_eq!(report["rejected"], json!({ "double_booked": 1, "no_practitioner": 1, "unknown_patient": 1 }));
}

#[tokio::test]
async fn broken_input_is_reported_counted_and_left_out() {
    let (scratch, input) = (Scratch::new("clinic"), Scratch::new("input"));
    let database = sqlite(&scratch);
    let lines = "{\"resourceType\":\"Patient\",\"id\":\"a\",\"name\":[{\"family\":\"Sentinel\"}]}\n\
        {\"resourceType\":\"Patient\",\"name\":[{\"family\":\"Sentinel\"}]}\n\
        not json: Sentinel\n\
        {\"resourceType\":\"Patient\",\"id\":\"b\",\"name\":[{\"family\":\"Sentinel\"}]}\n";
    std::fs::write(input.join("Patient.ndjson"), lines).expect("the file can be written");
    for strict in [false, true] {
        let mut run = clinic().arg("run").arg("--input").arg(input.path()).args(["--database", &database]);
        if strict {
            run = run.arg("--strict");
        }
        let run = run.start();
        let status = run.ended(PATIENCE).await;
        assert_eq!(status.code(), Some(i32::from(strict)), "{}", run.log());
        let log = run.log();
        assert!(log.contains("Patient.ndjson:2") && log.contains("Patient.ndjson:3"), "{log}");
        assert!(!log.contains("Sentinel"), "{log}");
        let report = report(&database).await;
        assert_eq!((&report["patients"], &report["input_errors"]), (&json!(2), &json!(2)));
    }
}

#[tokio::test]
async fn a_folder_without_records_is_refused() {
    let input = Scratch::new("input");
    let run = clinic().arg("run").arg("--input").arg(input.path()).args(["--database", "sqlite::memory:"]).start();
    let status = run.ended(PATIENCE).await;
    assert_eq!(status.code(), Some(2), "{}", run.log());
    assert!(run.stderr().contains("--input"), "{}", run.log());
}
