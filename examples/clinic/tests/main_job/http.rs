//! Booking by HTTP, with curl as a user would.

use serde_json::{Value, json};
use tests::{Process, Scratch, equal, eventually};

use crate::clinic::{PATIENCE, clinic, counts, sqlite};

/// What curl got: status, content type, correlation id and body.
struct Answer {
    status: u16,
    content_type: String,
    correlation_id: String,
    body: Value,
}

async fn curl(method: &str, url: &str, body: Option<&str>) -> Answer {
    let mut command = Process::command("curl").args(["--silent", "--show-error", "--request", method, url]).args([
        "--header",
        "x-correlation-id: from-the-caller",
        "--write-out",
        "\n%{http_code} %{content_type} %header{x-correlation-id}",
    ]);
    if let Some(body) = body {
        command = command.args(["--header", "content-type: application/json", "--data", body]);
    }
    let process = command.start();
    let status = process.ended(PATIENCE).await;
    assert!(status.success(), "{}", process.log());
    let output = process.stdout();
    let (body, last) = output.rsplit_once('\n').expect("curl writes a last line");
    let mut words = last.split(' ');
    let mut word = || words.next().unwrap_or_default().to_owned();
    Answer {
        status: word().parse().expect("a status"),
        content_type: word(),
        correlation_id: word(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}

#[tokio::test]
async fn an_appointment_is_booked_read_and_cancelled() {
    let scratch = Scratch::new("clinic");
    let database = sqlite(&scratch);
    let serve = clinic().args(["serve", "all", "--http", "127.0.0.1:0", "--database", &database]).start();
    let base = eventually(PATIENCE, async || {
        let log = serve.stderr();
        let line = log.lines().find_map(|line| line.strip_prefix("listening on "));
        line.map(str::to_owned).ok_or(format!("it does not listen yet: {log}"))
    })
    .await;

    let patient = curl("POST", &format!("{base}/patients"), Some(r#"{"name":"Ada Lovelace"}"#)).await;
    assert_eq!(patient.status, 201);
    assert_eq!(patient.correlation_id, "from-the-caller");
    let doctor = curl("POST", &format!("{base}/practitioners"), Some(r#"{"name":"Dr Grey","npi":"1234567893"}"#)).await;
    assert_eq!(doctor.status, 201);

    let booking = json!({
        "patient_id": patient.body["id"],
        "practitioner_id": doctor.body["id"],
        "starts_at": "2030-01-02T09:00:00Z",
        "duration_minutes": 30,
    });
    let url = format!("{base}/appointments");
    let booked = curl("POST", &url, Some(&booking.to_string())).await;
    assert_eq!((booked.status, &booked.body["status"]), (201, &json!("booked")));

    let db = shared::Db::connect(&database).await.expect("the database is there");
    eventually(PATIENCE, async || {
        let report = clinic::report::Report::read(&db).await.map_err(|error| error.to_string())?;
        equal((report.reminders, report.timeline_entries), (1, 2))
    })
    .await;

    let again = curl("POST", &url, Some(&booking.to_string())).await;
    assert_eq!((again.status, again.content_type.as_str()), (409, "application/problem+json"));
    assert_eq!(again.body["fields"], json!(["practitioner_id", "starts_at"]));

    let mut invalid = booking.clone();
    invalid["duration_minutes"] = json!(2);
    let invalid = curl("POST", &url, Some(&invalid.to_string())).await;
    assert_eq!((invalid.status, invalid.content_type.as_str()), (422, "application/problem+json"));
    assert_eq!(invalid.body["violations"][0]["path"], "/duration_minutes");
    assert_eq!(invalid.body["violations"][0]["rule"], "range");

    let mut wrong = booking.clone();
    wrong["duration_minutes"] = json!("sentinel");
    let wrong = curl("POST", &url, Some(&wrong.to_string())).await;
    assert_eq!((wrong.status, &wrong.body["violations"][0]["path"]), (422, &json!("/duration_minutes")));
    assert!(!wrong.body.to_string().contains("sentinel"), "{}", wrong.body);

    let missing = curl("POST", &url, Some("{}")).await;
    assert_eq!((missing.status, &missing.body["violations"][0]["path"]), (422, &json!("/patient_id")));
    assert_eq!(curl("POST", &url, Some("{")).await.status, 400);

    let mut stranger = booking.clone();
    stranger["patient_id"] = json!(shared::id::new());
    stranger["starts_at"] = json!("2030-01-02T10:00:00Z");
    assert_eq!(curl("POST", &url, Some(&stranger.to_string())).await.status, 409);

    let one = format!("{url}/{}", booked.body["id"].as_str().expect("an id"));
    let read = curl("GET", &one, None).await;
    assert_eq!((read.status, &read.body), (200, &booked.body));
    let cancelled = curl("DELETE", &one, None).await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("cancelled")));
    let nobody = curl("GET", &format!("{url}/{}", shared::id::new()), None).await;
    assert_eq!((nobody.status, nobody.content_type.as_str()), (404, "application/problem+json"));

    eventually(PATIENCE, async || {
        let report = clinic::report::Report::read(&db).await.map_err(|error| error.to_string())?;
        let report = counts(&serde_json::to_value(report).map_err(|error| error.to_string())?);
        equal((&report["timeline_entries"], &report["dead_letters"]), (&json!(3), &json!(0)))
    })
    .await;
    serve.signal(tests::Signal::Term);
    let status = serve.ended(PATIENCE).await;
    assert!(status.success(), "{status}\n{}", serve.log());
}
