//! What is carried along without being passed.

use shared::context::Trace;
use shared::prelude::*;

use crate::handlers::{copy, keep, look, service, tell};
use crate::script::{Call, Script};
use crate::surroundings::{Foreign, Surroundings, cases, settle};
use crate::vocabulary::{taken, taken_json};

cases! {
    everywhere: [
        what_is_published_inherits_the_context,
        ids_from_outside_that_are_malformed_are_replaced,
    ],
    lasting: [],
    on_nats: [],
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn of<'a>(calls: &'a [Call], subscriber: &str) -> Vec<&'a Call> {
    calls.iter().filter(|call| call.subscriber == subscriber).collect()
}

fn ids(trace: Option<&Trace>) -> (String, String) {
    let text = trace.expect("there is a trace").to_string();
    (text[3..35].to_owned(), text[36..52].to_owned())
}

async fn what_is_published_inherits_the_context(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![copy, tell, look])]).await;
    let context =
        Context::new().correlation("request-7").actor("dr-1").tenant("clinic-1").trace_parent(PARENT, Some("vendor=x"));
    let publish = running.db().transaction(async |tx| tx.publish(taken("a", 1)).await);
    let event_id = context.scope(publish).await.expect("it is committed");
    settle(&running).await;

    let calls = script.done();
    let (copied, told) = (of(&calls, "copy")[0], of(&calls, "tell")[0]);
    let looked = of(&calls, "look");
    assert_eq!(looked.len(), 3, "two from `copy`, one from `tell`");
    for call in [copied, told].into_iter().chain(looked.iter().copied()) {
        let meta = &call.meta;
        assert_eq!(meta.correlation_id.as_str(), "request-7");
        assert_eq!(meta.actor.as_ref().map(|id| id.as_str()), Some("dr-1"));
        assert_eq!(meta.tenant.as_ref().map(|id| id.as_str()), Some("clinic-1"));
        let (trace, span) = ids(meta.trace.as_ref());
        assert_eq!(trace, PARENT[3..35]);
        assert_ne!(span, PARENT[36..52], "each hop is a span of its own");
        assert_eq!(meta.trace.as_ref().and_then(Trace::state), Some("vendor=x"));
    }
    for call in [copied, told] {
        assert_eq!(call.meta.event_id, event_id.to_string());
        assert!(call.meta.causation_id.is_none(), "nothing caused the first");
        assert_eq!(call.meta.source.as_deref(), Some("/delivery"));
        assert_eq!(call.meta.key.as_deref(), Some("a"));
        assert_eq!(call.meta.version, Some(2));
        assert_eq!(call.meta.subject, "note.taken");
        assert!(call.meta.sequence.is_some());
    }
    for call in looked {
        let cause = call.meta.causation_id.as_ref().map(ToString::to_string);
        assert_eq!(cause, Some(event_id.to_string()));
        assert_eq!(call.meta.source.as_deref(), Some("/one"));
        assert_ne!(ids(call.meta.trace.as_ref()).1, ids(copied.meta.trace.as_ref()).1);
    }
    running.shutdown().await.expect("it ends in time");
}

async fn ids_from_outside_that_are_malformed_are_replaced(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep, tell, look])]).await;
    let long = "x".repeat(129);
    let bad = ["two words", "käse", long.as_str()];
    let messages: Vec<Foreign> = (1..)
        .zip(bad)
        .map(|(number, bad)| {
            Foreign::event("note.taken", taken_json("a", number))
                .id(bad)
                .header("ce-correlationid", bad)
                .header("ce-causationid", bad)
                .header("ce-actor", bad)
                .header("ce-tenant", bad)
                .header("traceparent", "00-not-a-trace-01")
        })
        .collect();
    place.put(&running, &messages).await;
    settle(&running).await;

    let calls = script.done();
    assert_eq!(of(&calls, "keep").len(), 3);
    assert_eq!(of(&calls, "look").len(), 3);
    for call in &calls {
        let meta = &call.meta;
        for id in [meta.event_id.as_str(), meta.correlation_id.as_str()] {
            assert!(!bad.contains(&id), "{id}");
            assert!(!id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic()));
        }
        let others = [&meta.actor, &meta.tenant];
        assert!(others.iter().all(|id| id.is_none()), "{meta:?}");
        assert!(meta.trace.is_none(), "{meta:?}");
    }
    for call in of(&calls, "keep") {
        assert!(call.meta.causation_id.is_none());
    }
    running.shutdown().await.expect("it ends in time");
}
