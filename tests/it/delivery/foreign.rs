//! Messages of programs that do not use this library.

use shared::prelude::*;

use crate::handlers::{keep, service};
use crate::script::Script;
use crate::surroundings::{Foreign, Surroundings, cases, kept, letters, no_letters, settle};
use crate::vocabulary::taken_json;

cases! {
    everywhere: [
        the_flat_json_of_the_python_package_is_understood,
        structured_cloud_events_are_understood,
        a_binary_cloud_event_needs_no_more_than_its_type,
        an_id_is_unique_within_its_source_only,
    ],
    lasting: [],
    on_nats: [],
}

async fn the_flat_json_of_the_python_package_is_understood(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let flat = r#"{"event_type":"note.taken","event_id":"e-1","timestamp":"2025-01-02T03:04:05.123456+00:00",
        "correlation_id":"request-7","topic":"a","number":1,"text":"hello","unknown":[1,2]}"#;
    let bare = r#"{"event_type":"note.taken","topic":"a","number":2,"text":null}"#;
    let messages = [
        Foreign::new("note.taken", flat),
        Foreign::new("note.taken", bare).header("X-Correlation-ID", "request-8"),
        // The same event once more: the producer tried twice.
        Foreign::new("note.taken", flat),
    ];
    place.put(&running, &messages).await;
    settle(&running).await;

    assert_eq!(kept(running.db(), "keep").await, [1, 2]);
    no_letters(running.db()).await;
    let mut calls = script.done();
    calls.sort_by_key(|call| call.number);
    let (first, second) = (&calls[0].meta, &calls[1].meta);
    assert_eq!(first.event_id, "e-1");
    assert_eq!(first.event_type, "note.taken");
    assert_eq!(first.correlation_id.as_str(), "request-7");
    let time = first.time.expect("it has a time").to_rfc3339();
    assert_eq!(time, "2025-01-02T03:04:05.123456+00:00");
    assert_eq!(second.correlation_id.as_str(), "request-8");
    assert!(!second.event_id.is_empty(), "the bus names what has no id");
    running.shutdown().await.expect("it ends in time");
}

async fn structured_cloud_events_are_understood(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let event = format!(
        r#"{{"specversion":"1.0","id":"e-1","type":"note.taken","source":"/elsewhere","time":"2025-01-02T03:04:05Z",
            "dataschema":"note.taken/v2","datacontenttype":"application/json","correlationid":"request-7",
            "causationid":"e-0","actor":"dr-1","tenant":"clinic-1","key":"a","sequence":"12","data":{}}}"#,
        taken_json("a", 1)
    );
    let message =
        Foreign::new("note.taken", event).header("Content-Type", "application/cloudevents+json; charset=UTF-8");
    place.put(&running, &[message]).await;
    settle(&running).await;

    assert_eq!(kept(running.db(), "keep").await, [1]);
    no_letters(running.db()).await;
    let meta = script.done().remove(0).meta;
    assert_eq!(meta.event_id, "e-1");
    assert_eq!(meta.source.as_deref(), Some("/elsewhere"));
    assert_eq!(meta.version, Some(2));
    assert_eq!(meta.correlation_id.as_str(), "request-7");
    assert_eq!(meta.causation_id.as_ref().map(|id| id.as_str()), Some("e-0"));
    assert_eq!(meta.actor.as_ref().map(|id| id.as_str()), Some("dr-1"));
    assert_eq!(meta.tenant.as_ref().map(|id| id.as_str()), Some("clinic-1"));
    assert_eq!(meta.key.as_deref(), Some("a"));
    assert_eq!(meta.sequence, Some(12));
    running.shutdown().await.expect("it ends in time");
}

async fn a_binary_cloud_event_needs_no_more_than_its_type(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let bare = Foreign::new("note.taken", taken_json("a", 1)).header("CE-Type", "note.taken");
    place.put(&running, &[bare]).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1]);
    let meta = script.done().remove(0).meta;
    assert_eq!((meta.version, meta.key, meta.time), (None, None, None));
    running.shutdown().await.expect("it ends in time");
}

async fn an_id_is_unique_within_its_source_only(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let event = |source: &str, number| {
        Foreign::event("note.taken", taken_json("a", number)).header("ce-source", source).id("1")
    };
    let bad = Foreign::event("note.taken", "no JSON").header("ce-source", "/c%00").id("1");
    place.put(&running, &[event("/a", 1), event("/b", 2), event("/a", 1), bad.clone(), bad]).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1, 2]);
    let suppressed = running.db().inbox().duplicates_suppressed().await;
    assert_eq!(suppressed.expect("it can be read"), 2);
    assert_eq!(letters(running.db()).await.len(), 1);
    running.shutdown().await.expect("it ends in time");
}
