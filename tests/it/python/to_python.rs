//! A service writes, the SDK reads.

use serde_json::{Map, Value, json};
use shared::event::Shape;
use shared::prelude::*;

use crate::surroundings::{Surroundings, VisitBooked, settle, visit};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const KEY: &str = "Raum „7“ 100%";

/// What a subscriber of this library was told about an event, as attributes of CloudEvents.
fn attributes(meta: &Metadata) -> Map<String, Value> {
    let id = |id: &Option<shared::context::Id>| id.as_ref().map(ToString::to_string);
    let time = meta.time.expect("it has a time").to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let attributes = [
        ("specversion", Some("1.0".to_owned())),
        ("id", Some(meta.event_id.clone())),
        ("source", meta.source.clone()),
        ("type", Some(meta.event_type.clone())),
        ("time", Some(time)),
        ("dataschema", meta.version.map(|version| format!("urn:event:{}/v{version}", meta.event_type))),
        ("datacontenttype", Some("application/json".to_owned())),
        ("correlationid", Some(meta.correlation_id.to_string())),
        ("causationid", id(&meta.causation_id)),
        ("key", meta.key.clone()),
        ("sequence", meta.sequence.map(|sequence| format!("{sequence:020}"))),
        ("actor", id(&meta.actor)),
        ("tenant", id(&meta.tenant)),
    ];
    attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}

/// Publishes one event through the outbox and one without, and returns what the SDK and a subscriber saw of each.
async fn exchanged(shape: Shape) -> Vec<(Value, Metadata, VisitBooked)> {
    let place = Surroundings::new().await;
    let running = place.start(place.service().shape("visit.*", shape)).await;
    let context = Context::new()
        .correlation("request-7")
        .causation("cause-7")
        .actor("dr-1")
        .tenant("clinic-1")
        .trace_parent(PARENT, Some("vendor=x"));
    let publish = async {
        running.db().transaction(async |tx| tx.publish(visit(KEY)).await).await.expect("it is committed");
        settle(&running).await;
        running.bus().publish(visit(KEY)).await.expect("it is published");
    };
    context.scope(publish).await;
    settle(&running).await;

    let python = place.run("receive.py", &["visit.booked", "2"]).await;
    let mut rust = std::mem::take(&mut *place.seen.booked.lock().unwrap());
    assert_eq!((python.len(), rust.len()), (2, 2));
    rust.sort_by_key(|(meta, _)| meta.time);
    for (seen, (meta, _)) in python.iter().zip(&rust) {
        assert_eq!(seen["headers"]["Nats-Msg-Id"], meta.event_id);
        assert!(seen["headers"]["traceparent"].as_str().is_some_and(|parent| parent.starts_with(&PARENT[..36])));
        assert_eq!(seen["headers"]["tracestate"], "vendor=x");
        assert!(!seen.to_string().contains("shared-shape"), "{seen}");
    }
    running.shutdown().await.expect("it ends in time");
    python.into_iter().zip(rust).map(|(seen, (meta, event))| (seen, meta, event)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_reads_binary_mode() {
    for (seen, meta, event) in exchanged(Shape::Binary).await {
        assert_eq!(seen["core"]["attributes"], Value::Object(attributes(&meta)));
        assert_eq!(seen["core"]["data"], json!(event));
        assert_eq!(seen["payload"], json!(event));
        // the older interface does not decode header values
        assert_eq!(seen["v1"]["attributes"]["id"], meta.event_id);
        assert_eq!(seen["v1"]["data"], json!(event));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_reads_structured_mode() {
    for (seen, meta, event) in exchanged(Shape::Structured).await {
        let mut expected = attributes(&meta);
        expected.insert("traceparent".to_owned(), seen["headers"]["traceparent"].clone());
        expected.insert("tracestate".to_owned(), "vendor=x".into());
        for sdk in ["core", "v1"] {
            assert_eq!(seen[sdk]["attributes"], Value::Object(expected.clone()), "{sdk}");
            assert_eq!(seen[sdk]["data"], json!(event), "{sdk}");
        }
        let headers = seen["headers"].as_object().expect("there are headers");
        assert!(headers.keys().all(|name| !name.starts_with("ce-")), "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_reads_flat_json_too() {
    for (seen, meta, event) in exchanged(Shape::Flat).await {
        assert_eq!(seen["core"]["attributes"], Value::Object(attributes(&meta)));
        let mut flat = json!(event);
        flat["event_type"] = "visit.booked".into();
        flat["event_id"] = meta.event_id.clone().into();
        flat["timestamp"] = seen["core"]["attributes"]["time"].clone();
        flat["correlation_id"] = "request-7".into();
        assert_eq!(seen["payload"], flat);
        assert_eq!(seen["core"]["data"], flat);
    }
}
