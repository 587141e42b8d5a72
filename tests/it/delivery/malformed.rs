//! Messages that are not what they should be: each becomes a dead letter with its reason, and the next
//! message flows.

use std::collections::BTreeMap;

use shared::prelude::*;

use crate::handlers::{keep, keep_all, keep_known, service};
use crate::script::Script;
use crate::surroundings::{Foreign, Surroundings, cases, commit, kept, letters, no_letters, settle};
use crate::vocabulary::{taken, taken_json};

cases! {
    everywhere: [
        each_bad_message_is_parked_with_its_reason_and_the_next_one_flows,
        what_is_too_large_is_parked_unread,
        a_bad_message_does_not_hold_up_its_own_key,
        unknown_events_are_skipped_where_the_code_says_so,
        a_bad_message_under_a_handled_id_is_refused,
    ],
    lasting: [],
    on_nats: [],
}

fn nested(depth: usize) -> String {
    format!(r#"{{"topic":"a","number":1,"text":null,"more":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
}

/// Bad messages by the reason that their dead letters give; the value that none may repeat is `sentinel`.
fn bad_messages() -> Vec<(&'static str, Foreign)> {
    let event = |payload: &str| Foreign::event("note.taken", payload);
    vec![
        ("unknown_type", event(&taken_json("sentinel", 1)).header("ce-type", "note.sentinel")),
        ("syntax", event("sentinel, no JSON")),
        ("syntax", event(r#"{"topic":"a","number":1,"text":null} sentinel"#)),
        ("syntax", Foreign::new("note.taken", "sentinel, no JSON")),
        ("truncated", event(r#"{"topic":"sentinel","number"#)),
        ("truncated", event("")),
        ("truncated", Foreign::new("note.taken", "")),
        ("not_utf8", Foreign::event("note.taken", b"{\"topic\":\"sentinel\xff\",\"number\":1,\"text\":null}")),
        ("missing_field", event(r#"{"topic":"sentinel","text":null}"#)),
        ("wrong_type", event(r#"{"topic":"a","number":"sentinel","text":null}"#)),
        ("wrong_type", event(r#"["sentinel"]"#)),
        ("number_out_of_range", event(r#"{"topic":"a","number":-1,"text":null}"#)),
        ("duplicate_key", event(r#"{"topic":"a","number":1,"text":null,"topic":"sentinel"}"#)),
        ("nul", event(r#"{"topic":"a","number":1,"text":"\u0000sentinel"}"#)),
        ("newer_version", event(&taken_json("sentinel", 1)).header("ce-dataschema", "note.taken/v3")),
        ("older_version", event(&taken_json("sentinel", 1)).header("ce-dataschema", "note.taken/v1")),
        ("too_deep", event(&nested(200))),
        ("too_deep", event(&nested(100_000))),
        ("too_deep", Foreign::new("note.taken", nested(200).replacen('{', r#"{"event_type":"note.taken","#, 1))),
        ("invalid", event(r#"{"topic":"a","number":1001,"text":"sentinel sentinel sentinel"}"#)),
        ("envelope", Foreign::new("note.taken", r#"{"topic":"sentinel"}"#)),
        (
            "envelope",
            Foreign::new("note.taken", r#"{"specversion":"1.0","data":"sentinel"}"#)
                .header("content-type", "application/cloudevents+json"),
        ),
        ("wrong_type", Foreign::new("note.taken", r#"{"event_type":7,"topic":"sentinel"}"#)),
        ("spec_version", event(&taken_json("sentinel", 1)).header("ce-specversion", "0.3")),
        ("attribute", event(&taken_json("sentinel", 1)).header("ce-source", "")),
        ("attribute", event(&taken_json("sentinel", 1)).header("CE-TYPE", "note.sentinel")),
        ("content_type", event("sentinel").header("content-type", "text/sentinel")),
        (
            "batch",
            event(r#"[{"specversion":"1.0","data":"sentinel"}]"#)
                .header("content-type", "application/cloudevents-batch+json"),
        ),
    ]
}

async fn each_bad_message_is_parked_with_its_reason_and_the_next_one_flows(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let mut messages = Vec::new();
    let mut expected = BTreeMap::new();
    let mut numbers = Vec::new();
    for (number, (reason, message)) in (1..).zip(bad_messages()) {
        let id = format!("bad-{number}");
        expected.insert(id.clone(), reason);
        // An id is no header of the Python package's shape.
        messages.push(message.header("ce-id", &id));
        messages.push(Foreign::event("note.taken", taken_json("good", number)).id(&format!("good-{number}")));
        numbers.push(number as i32);
    }
    place.put(&running, &messages).await;
    settle(&running).await;

    assert_eq!(kept(running.db(), "keep").await, numbers);
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), expected.len());
    let mut reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    let mut expected_reasons: Vec<&str> = expected.values().copied().collect();
    reasons.sort_unstable();
    expected_reasons.sort_unstable();
    assert_eq!(reasons, expected_reasons);
    for letter in &letters {
        if let Some(reason) = expected.get(&letter.event_id) {
            assert_eq!(letter.reason, *reason, "{letter:?}");
        }
        assert_eq!(letter.attempts, 1, "{letter:?}");
        assert_eq!(letter.subject, "note.taken");
        assert!(!letter.report.contains("sentinel"), "{letter:?}");
    }
    running.shutdown().await.expect("it ends in time");
}

async fn what_is_too_large_is_parked_unread(mut place: Surroundings) {
    place.config.max_payload = 1_024;
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let padded = |payload: &str, to: usize| payload.replacen('{', &format!("{{{}", " ".repeat(to - payload.len())), 1);
    let (flat, structured) = (
        r#"{"event_type":"note.taken","topic":"a","number":3,"text":null}"#,
        r#"{"specversion":"1.0","id":"4","source":"/x","type":"note.taken","data":{"topic":"a","number":4,"text":null}}"#,
    );
    let messages = [
        Foreign::event("note.taken", padded(&taken_json("a", 1), 1_024)).id("1"),
        Foreign::event("note.taken", padded(&taken_json("a", 2), 1_025)).id("2"),
        Foreign::new("note.taken", padded(flat, 1_025)),
        Foreign::new("note.taken", padded(structured, 1_025)).header("content-type", "application/cloudevents+json"),
    ];
    place.put(&running, &messages).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1]);
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 3, "{letters:?}");
    assert!(letters.iter().all(|letter| letter.reason == "too_large" && letter.attempts == 1), "{letters:?}");
    let known = letters.iter().find(|letter| letter.event_id == "2").expect("its headers are read");
    assert!(known.report.contains("cannot decode `note.taken`: the payload is larger than the limit"), "{known:?}");
    running.shutdown().await.expect("it ends in time");
}

async fn a_bad_message_does_not_hold_up_its_own_key(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let event = |payload: String| Foreign::event("note.taken", payload).key("a");
    let messages =
        [event(taken_json("a", 1)).id("1"), event("no JSON".to_owned()).id("2"), event(taken_json("a", 3)).id("3")];
    place.put(&running, &messages).await;
    settle(&running).await;
    assert_eq!(script.done_of("a"), [1, 3]);
    assert_eq!(letters(running.db()).await.len(), 1);
    running.shutdown().await.expect("it ends in time");
}

async fn unknown_events_are_skipped_where_the_code_says_so(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_known])]).await;
    let unknown = Foreign::event("note.unheard", r#"{"anything":true}"#).id("1");
    place.put(&running, std::slice::from_ref(&unknown)).await;
    commit(running.db(), [taken("a", 1)]).await;
    place.put(&running, &[unknown.id("2")]).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep_known").await, [1]);
    no_letters(running.db()).await;

    // What it knows but cannot read is not skipped.
    let bad = Foreign::event("note.taken", "no JSON").id("3");
    place.put(&running, &[bad]).await;
    settle(&running).await;
    assert_eq!(letters(running.db()).await.len(), 1);
    running.shutdown().await.expect("it ends in time");
}

async fn a_bad_message_under_a_handled_id_is_refused(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_all])]).await;
    let messages = [
        Foreign::event("note.taken", taken_json("a", 1)).id("same").key("a"),
        Foreign::event("note.taken", "no JSON").id("same").key("a"),
        Foreign::event("note.erased", r#"{"topic":"a","number":2}"#).id("other").key("a"),
    ];
    place.put(&running, &messages).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep_all").await, [1, 2]);
    let letters = letters(running.db()).await;
    let reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["id_reused"]);
    let reused = running.db().inbox().ids_reused().await;
    assert_eq!(reused.expect("it can be read"), 1);
    running.shutdown().await.expect("it ends in time");
}
