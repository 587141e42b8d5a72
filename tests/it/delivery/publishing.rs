//! What handlers and callers publish.

use shared::prelude::*;

use crate::handlers::{copy, copy_badly, keep, look, service};
use crate::script::Script;
use crate::surroundings::{Surroundings, cases, commit, kept, letters, no_letters, settle};
use crate::vocabulary::{NewNote, Note, NoteTaken, taken};

cases! {
    everywhere: [
        returned_events_are_published_with_the_handlers_rows,
        an_event_that_breaks_its_rules_is_refused_with_every_violation,
        a_returned_event_that_breaks_its_rules_parks_the_message,
        what_is_too_large_is_refused_at_once,
    ],
    lasting: [],
    on_nats: [],
    syncing: [
        returned_events_are_published_with_the_handlers_rows,
    ],
}

async fn returned_events_are_published_with_the_handlers_rows(place: Surroundings) {
    // The first try fails after it has written its row and published one of its two events.
    let script = Script::new(async |call| {
        if call.subscriber == "copy" && call.meta.attempt == 1 {
            return Err(Error::other("not yet"));
        }
        Ok(())
    });
    let running = place.start([service("one", &script).subscribe(subscribers![copy, look])]).await;
    commit(running.db(), [taken("a", 1), taken("b", 2)]).await;
    settle(&running).await;

    assert_eq!(kept(running.db(), "copy").await, [1, 2]);
    assert_eq!(kept(running.db(), "look").await, [1, 1, 2, 2]);
    for topic in ["a", "b", "a on the way", "b on the way"] {
        let looked = script.done();
        let looked = looked.iter().filter(|call| call.subscriber == "look" && call.topic == topic);
        assert_eq!(looked.count(), 1, "{topic}");
    }
    let published = running.db().outbox().published_by_subject().await;
    assert_eq!(published.expect("it can be read")["copy.made"], 4);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn an_event_that_breaks_its_rules_is_refused_with_every_violation(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let bad = NoteTaken { topic: String::new(), number: 1001, text: Some("sentinel sentinel sentinel".into()) };
    let refused = running
        .db()
        .transaction(async |tx| {
            let note = NewNote { subscriber: "caller".into(), topic: "a".into(), number: 1 };
            tx.repo::<Note>().create(note).await?;
            tx.publish(taken("a", 2)).await?;
            tx.publish(bad.clone()).await
        })
        .await;
    let error = refused.expect_err("it breaks its rules");
    let Error::Invalid(violations) = &error else { panic!("{error:?}") };
    let found: Vec<_> = violations.iter().map(|violation| (violation.path.as_str(), violation.rule)).collect();
    let expected = [("/topic", "length"), ("/number", "range"), ("/text", "length")];
    assert_eq!(found, expected);
    assert!(!format!("{error} {error:?}").contains("sentinel"));

    let directly = running.bus().publish(bad).await;
    assert!(matches!(directly, Err(Error::Invalid(_))), "{directly:?}");

    settle(&running).await;
    assert_eq!(kept(running.db(), "caller").await, [0; 0]);
    assert_eq!(running.db().outbox().last().await.expect("it can be read"), 0);
    assert!(script.begun().is_empty());
    running.shutdown().await.expect("it ends in time");
}

async fn a_returned_event_that_breaks_its_rules_parks_the_message(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![copy_badly])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;

    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].reason, "invalid");
    assert_eq!(letters[0].attempts, 1, "trying again would not help");
    assert_eq!(kept(running.db(), "copy_badly").await, [0; 0]);
    let published = running.db().outbox().published_by_subject().await;
    assert!(!published.expect("it can be read").contains_key("copy.made"));
    running.shutdown().await.expect("it ends in time");
}

async fn what_is_too_large_is_refused_at_once(mut place: Surroundings) {
    place.config.max_payload = 1024;
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let large = serde_json::json!("x".repeat(1023));
    let fits = serde_json::json!("x".repeat(1022));
    let refused = running.db().transaction(async |tx| tx.publish_raw("large.one", "large", &large).await);
    let refused = [refused.await.err(), running.bus().publish_raw("large.one", "large", &large).await.err()];
    for error in refused {
        let text = error.expect("it is too large").to_string();
        assert!(text.contains("1025 bytes, the limit is 1024"), "{text}");
    }
    let long = taken(&"k".repeat(20_000), 1);
    let refused = running.bus().publish(&long).await;
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    let taken = running.db().transaction(async |tx| tx.publish_raw("large.one", "large", &fits).await);
    taken.await.expect("it fits");
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");
}
