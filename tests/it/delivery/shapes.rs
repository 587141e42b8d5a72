//! Events written in other shapes than binary mode.

use serde_json::Value;
use shared::event::Shape;
use shared::prelude::*;

use crate::handlers::{copy, keep, look, service};
use crate::script::Script;
use crate::surroundings::{Surroundings, cases, commit, kept, letters, no_letters, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [
        subscribers_read_every_shape,
        what_does_not_fit_its_shape_is_refused_at_once,
        a_pattern_that_is_none_keeps_the_service_from_starting,
    ],
    lasting: [],
    on_nats: [an_event_keeps_the_shape_that_it_was_published_with],
}

/// The handlers write in one shape, the callers in each.
async fn subscribers_read_every_shape(place: Surroundings) {
    for made in [Shape::Binary, Shape::Structured, Shape::Flat] {
        let script = Script::succeed();
        let running =
            place.start([service("one", &script).subscribe(subscribers![copy, look]).shape("copy.*", made)]).await;
        let before = kept(running.db(), "look").await.len();
        for (topic, shape) in [("binary", Shape::Binary), ("structured", Shape::Structured), ("flat", Shape::Flat)] {
            let db = running.db().with_shape("note.*", shape).expect("it is a pattern");
            commit(&db, [taken(topic, 1)]).await;
            let bus = running.bus().with_shape("note.*", shape).expect("it is a pattern");
            bus.publish(taken(topic, 2)).await.expect("it is published");
        }
        settle(&running).await;
        assert_eq!(kept(running.db(), "look").await.len() - before, 12, "{made:?}");
        no_letters(running.db()).await;
        for call in script.done() {
            let copied = call.subscriber == "copy";
            assert_eq!(call.meta.key.as_ref(), Some(&call.topic), "{made:?}");
            assert_eq!(call.meta.version, Some(if copied { 2 } else { 1 }));
            assert_eq!(call.meta.sequence.is_some(), !copied || call.number == 1, "the outbox numbers what it keeps");
            assert_eq!(call.meta.causation_id.is_some(), !copied);
        }
        running.shutdown().await.expect("it ends in time");
    }
}

async fn what_does_not_fit_its_shape_is_refused_at_once(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).shape("list.>", Shape::Flat)]).await;
    let list = serde_json::json!(["sentinel"]);
    let refused = running.db().transaction(async |tx| tx.publish_raw("list.made", "list.made", &list).await);
    let refused = [refused.await.err(), running.bus().publish_raw("list.made", "list.made", &list).await.err()];
    for error in refused {
        let text = error.expect("a list has no fields").to_string();
        assert!(text.contains("event `list.made` cannot be written flat: it is no JSON object\nhelp: "), "{text}");
        assert!(!text.contains("sentinel"), "{text}");
    }
    running.bus().publish_raw("other.made", "other.made", &list).await.expect("it has another subject");
    assert_eq!(running.db().outbox().last().await.expect("it can be read"), 0);
    assert!(letters(running.db()).await.is_empty());
    running.shutdown().await.expect("it ends in time");
}

async fn a_pattern_that_is_none_keeps_the_service_from_starting(place: Surroundings) {
    let service = Service::new("one").shape("note.>.taken", Shape::Flat);
    let error = shared::start(&place.config, [service]).await.expect_err("it does not start").to_string();
    let expected = "`note.>.taken` is no pattern of subjects: `>` must be the last token";
    assert!(error.contains("service `one`") && error.contains(expected) && error.contains("help:"), "{error}");
    let bus = Bus::local().with_shape("a b", Shape::Flat);
    assert!(matches!(bus, Err(Error::Usage(_))), "{bus:?}");
}

/// The process that publishes may be another one than the relay's, which was told nothing.
async fn an_event_keeps_the_shape_that_it_was_published_with(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let db = place.db().await;
    let flat = db.with_shape("note.*", Shape::Flat).expect("it is a pattern");
    let structured = db.with_shape("note.*", Shape::Structured).expect("it is a pattern");
    for (db, number) in [(&db, 1), (&flat, 2), (&structured, 3)] {
        commit(db, [taken("a", number)]).await;
    }
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1, 2, 3]);

    let jetstream = async_nats::jetstream::new(place.client().await);
    let stream = jetstream.get_stream("NOTE").await.expect("the stream is there");
    let mut payloads = Vec::new();
    for sequence in 1..=3 {
        let message = stream.get_raw_message(sequence).await.expect("the message is kept");
        assert!(message.headers.get("shared-shape").is_none(), "{:?}", message.headers);
        payloads.push(serde_json::from_slice::<Value>(&message.payload).expect("it is JSON"));
    }
    let own = |number| serde_json::json!({ "topic": "a", "number": number, "text": null });
    assert_eq!(payloads[0], own(1));
    assert_eq!((&payloads[1]["event_type"], &payloads[1]["number"]), (&"note.taken".into(), &2.into()));
    assert_eq!((&payloads[2]["type"], &payloads[2]["data"]), (&"note.taken".into(), &own(3)));
    running.shutdown().await.expect("it ends in time");
}
