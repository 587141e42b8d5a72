//! The SDK writes, a service reads.

use serde_json::{Value, json};

use crate::surroundings::{Surroundings, settle, visit};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Every way in which the SDK writes an event of CloudEvents 1.0.
const WAYS: [(&str, &str, bool); 8] = [
    ("core", "binary", false),
    ("core", "structured", false),
    ("core", "headerless", false),
    ("core", "structured", true), // as `data_base64`
    ("v1", "binary", false),
    ("v1", "structured", false),
    ("v1", "headerless", false),
    ("v1", "structured", true),
];

fn event(number: usize, (sdk, mode, bytes): (&str, &str, bool)) -> Value {
    // the older interface writes header values as they are
    let key = if (sdk, mode) == ("v1", "binary") { "room-7" } else { "Raum „7“ 100%" };
    json!({
        "subject": "visit.booked",
        "sdk": sdk,
        "mode": mode,
        "bytes": bytes,
        "attributes": {
            "id": format!("python-{number}"),
            "source": "/python/visits",
            "type": "visit.booked",
            "time": "2025-01-02T05:04:05.123456+02:00",
            "dataschema": "urn:event:visit.booked/v1",
            "datacontenttype": "application/json",
            "correlationid": "request-7",
            "causationid": "cause-7",
            "actor": "dr-1",
            "tenant": "clinic-1",
            "key": key,
            "sequence": number,
            "traceparent": PARENT,
            "comexample": true,
        },
        "data": visit("7"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_the_sdk_are_handled_with_all_their_attributes() {
    let place = Surroundings::new().await;
    let running = place.start(place.service()).await;
    let events: Vec<Value> = WAYS.into_iter().enumerate().map(|(number, way)| event(number, way)).collect();
    place.run("publish.py", &[&json!(events).to_string()]).await;
    settle(&running).await;

    let letters = running.db().dead_letters().list().await.expect("they can be read");
    assert!(letters.is_empty(), "{letters:?}");
    let mut seen = std::mem::take(&mut *place.seen.booked.lock().unwrap());
    seen.sort_by_key(|(meta, _)| meta.sequence);
    assert_eq!(seen.len(), events.len());
    for ((meta, visit), event) in seen.iter().zip(&events) {
        let text = |name: &str| event["attributes"][name].as_str();
        let id = |id: &Option<shared::context::Id>| id.as_ref().map(ToString::to_string);
        assert_eq!(Some(meta.event_id.as_str()), text("id"), "{event}");
        assert_eq!(Some(meta.event_type.as_str()), text("type"), "{event}");
        assert_eq!(meta.source.as_deref(), text("source"), "{event}");
        assert_eq!(meta.time.map(|time| time.to_rfc3339()).as_deref(), Some("2025-01-02T03:04:05.123456+00:00"));
        assert_eq!(meta.version, Some(1), "{event}");
        assert_eq!(Some(meta.correlation_id.as_str()), text("correlationid"), "{event}");
        assert_eq!(id(&meta.causation_id).as_deref(), text("causationid"), "{event}");
        assert_eq!(id(&meta.actor).as_deref(), text("actor"), "{event}");
        assert_eq!(id(&meta.tenant).as_deref(), text("tenant"), "{event}");
        assert_eq!(meta.key.as_deref(), text("key"), "{event}");
        assert_eq!(meta.sequence, event["attributes"]["sequence"].as_i64(), "{event}");
        assert_eq!(meta.trace.as_ref().map(ToString::to_string).as_deref(), text("traceparent"), "{event}");
        assert_eq!(json!(visit), event["data"], "{event}");
    }
    running.shutdown().await.expect("it ends in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sdk_lets_through_and_the_library_does_not_read_is_parked_with_its_reason() {
    let place = Surroundings::new().await;
    let running = place.start(place.service()).await;
    let with = |sdk: &str, mode: &str, content_type: &str, data: Value| {
        json!({
            "subject": "visit.booked", "sdk": sdk, "mode": mode, "data": data,
            "attributes": {
                "id": format!("{sdk}-{mode}-{content_type}"), "source": "/python", "type": "visit.booked",
                "specversion": if sdk == "v03" { "0.3" } else { "1.0" }, "datacontenttype": content_type,
            },
        })
    };
    let (json, text) = ("application/json", "text/plain");
    let data = json!(visit("7"));
    let events = [
        (with("v03", "binary", json, data.clone()), "spec_version"),
        (with("v03", "structured", json, data.clone()), "spec_version"),
        (with("core", "binary", text, json!("sentinel")), "content_type"),
        (with("core", "structured", text, json!("sentinel")), "content_type"),
        (with("core", "headerless", json, Value::Null), "wrong_type"), // no data
        (with("core", "binary", json, Value::Null), "truncated"),      // no data
        (with("core", "structured", json, json!("sentinel")), "wrong_type"),
    ];
    let published: Vec<&Value> = events.iter().map(|(event, _)| event).collect();
    place.run("publish.py", &[&json!(published).to_string()]).await;
    settle(&running).await;

    let letters = running.db().dead_letters().list().await.expect("they can be read");
    assert_eq!(letters.len(), events.len(), "{letters:?}");
    for (event, reason) in &events {
        let id = event["attributes"]["id"].as_str();
        let letter = letters.iter().find(|letter| Some(letter.event_id.as_str()) == id);
        let letter = letter.unwrap_or_else(|| panic!("{event} is parked: {letters:?}"));
        assert_eq!(letter.reason, *reason, "{event}");
        assert!(!letter.report.contains("sentinel"), "{letter:?}");
    }
    assert!(place.seen.booked.lock().unwrap().is_empty());
    running.shutdown().await.expect("it ends in time");
}
