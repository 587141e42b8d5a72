//! Events without a Rust type.

use std::sync::{Arc, Mutex};

use serde_json::json;
use shared::event::{Draft, RawEvent};
use shared::prelude::*;

use crate::surroundings::{Foreign, Surroundings, cases, commit, letters, no_letters, settle};

cases! {
    everywhere: [
        events_without_a_type_arrive_as_json,
        what_is_not_json_is_parked,
        a_raw_handler_is_retried_and_publishes_in_its_transaction,
        raw_events_have_keys_and_versions,
        a_subscriber_of_the_macro_takes_raw_events,
        a_pattern_without_a_domain_is_refused_at_the_start,
    ],
    lasting: [],
    on_nats: [],
}

type Seen = Arc<Mutex<Vec<(String, serde_json::Value, Metadata)>>>;

fn watching(pattern: &'static str, seen: &Seen) -> Service {
    let seen = Arc::clone(seen);
    Service::new("raw").subscribe_raw("watch", pattern, move |event: RawEvent, _tx, meta| {
        let seen = Arc::clone(&seen);
        Box::pin(async move {
            seen.lock().unwrap().push((event.event_type, event.data, meta.clone()));
            Ok(())
        })
    })
}

async fn events_without_a_type_arrive_as_json(place: Surroundings) {
    let seen = Seen::default();
    let running = place.start([watching("vitals.>", &seen)]).await;
    let data = json!({ "pulse": 61, "sensors": ["a", "b"] });
    let receipt = running.bus().publish_raw("vitals.ward-7.pulse", "pulse.measured", &data).await;
    let receipt = receipt.expect("the bus takes it");
    let committed = running
        .db()
        .transaction(async |tx| tx.publish_raw("vitals.pressure", "pressure.measured", &json!([1, 2])).await)
        .await
        .expect("it is committed");
    let elsewhere = running.bus().publish_raw("weather.rain", "rain", &json!({})).await;
    elsewhere.expect("the bus takes what nobody listens to");
    settle(&running).await;

    let mut seen = seen.lock().unwrap().clone();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let [(pressure, sizes, meta_2), (pulse, measured, meta_1)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((pulse.as_str(), measured), ("pulse.measured", &data));
    assert_eq!((pressure.as_str(), sizes), ("pressure.measured", &json!([1, 2])));
    assert_eq!(meta_1.event_id, receipt.event_id.to_string());
    assert_eq!(meta_1.correlation_id, receipt.correlation_id);
    assert_eq!(meta_1.subject, "vitals.ward-7.pulse");
    assert_eq!(meta_2.event_id, committed.to_string());
    for subject in ["vitals.*", "", "a..b", "$JS.x", "two words"] {
        let refused = running.bus().publish_raw(subject, "x", &json!({})).await;
        assert!(matches!(refused, Err(Error::Usage(_))), "{subject}: {refused:?}");
    }
    running.shutdown().await.expect("it ends in time");
}

async fn what_is_not_json_is_parked(place: Surroundings) {
    let seen = Seen::default();
    let running = place.start([watching("vitals.*", &seen)]).await;
    let messages = [Foreign::event("vitals.pulse", "no JSON"), Foreign::event("vitals.pulse", "{}")];
    place.put(&running, &messages).await;
    settle(&running).await;
    assert_eq!(seen.lock().unwrap().len(), 1);
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].reason, "syntax");
    running.shutdown().await.expect("it ends in time");
}

async fn a_raw_handler_is_retried_and_publishes_in_its_transaction(place: Surroundings) {
    let seen = Seen::default();
    let service = watching("alarm.*", &seen).subscribe_raw("raise", "vitals.*", |_event, tx, meta| {
        Box::pin(async move {
            tx.publish_raw("alarm.raised", "alarm.raised", &json!({ "try": meta.attempt })).await?;
            if meta.attempt < 3 { Err(Error::other("not yet")) } else { Ok(()) }
        })
    });
    let running = place.start([service]).await;
    let context = Context::new().correlation("request-7");
    let publish = running.db().transaction(async |tx| tx.publish_raw("vitals.pulse", "pulse", &json!({})).await);
    let caused_by = context.scope(publish).await.expect("it is committed");
    settle(&running).await;

    let seen = seen.lock().unwrap().clone();
    let [(_, data, meta)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(data, &json!({ "try": 3 }));
    assert_eq!(meta.correlation_id.as_str(), "request-7");
    let cause = meta.causation_id.as_ref().map(ToString::to_string);
    assert_eq!(cause, Some(caused_by.to_string()));
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn raw_events_have_keys_and_versions(place: Surroundings) {
    let seen = Seen::default();
    let running = place.start([watching("vitals.>", &seen)]).await;
    let pulse =
        |number: u32| Draft::raw("vitals.pulse", "pulse.measured", &json!(number)).with_key("ward ä").with_version(3);
    running.bus().publish(pulse(0)).await.expect("the bus takes it");
    commit(running.db(), (1..20).map(pulse)).await;
    settle(&running).await;
    let seen = seen.lock().unwrap().clone();
    let numbers: Vec<_> = seen.iter().map(|(_, data, _)| data.as_u64()).collect();
    assert_eq!(numbers, (0..20).map(Some).collect::<Vec<_>>());
    for (_, _, meta) in seen {
        assert_eq!((meta.key.as_deref(), meta.version), (Some("ward ä"), Some(3)));
    }
    running.shutdown().await.expect("it ends in time");
}

/// With options and other arguments, without a transaction, and returning an event.
#[subscribe("vitals.>", concurrency = 2, retry(max = 2, backoff = "1ms..2ms"), name = "relay-raw")]
async fn relay(event: RawEvent, meta: &Metadata, State(seen): State<Seen>) -> Result<Option<Draft>> {
    if event.data == json!("bad") {
        return Err(Error::other("it is bad"));
    }
    assert_eq!(event.version, meta.version);
    let again = Draft::raw("alarm.raised", &event.event_type, &event.data);
    seen.lock().unwrap().push((event.event_type, event.data, meta.clone()));
    Ok(Some(again))
}

async fn a_subscriber_of_the_macro_takes_raw_events(place: Surroundings) {
    let (seen, raised) = (Seen::default(), Seen::default());
    let service = watching("alarm.*", &raised).subscribe(subscribers![relay]).state(Arc::clone(&seen));
    let running = place.start([service]).await;
    let events = ["good", "bad"].map(|data| Draft::raw("vitals.pulse", data, &json!(data)));
    commit(running.db(), events).await;
    settle(&running).await;
    let types =
        |seen: &Seen| seen.lock().unwrap().iter().map(|(event_type, ..)| event_type.clone()).collect::<Vec<_>>();
    assert_eq!((types(&seen), types(&raised)), (vec!["good".to_owned()], vec!["good".to_owned()]));
    let letters = letters(running.db()).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].attempts, 2);
    running.shutdown().await.expect("it ends in time");
}

#[subscribe(">")]
async fn everything(_event: RawEvent) {}

async fn a_pattern_without_a_domain_is_refused_at_the_start(place: Surroundings) {
    let refused = [
        (Service::new("raw").subscribe(subscribers![everything]), "names no domain"),
        (watching("*.pulse", &Seen::default()), "names no domain"),
        (watching("vitals..*", &Seen::default()), "is no subject pattern: it has an empty token"),
    ];
    for (service, reason) in refused {
        let error = shared::start(&place.config, [service]).await.expect_err("it does not start").to_string();
        assert!(error.contains(reason) && error.contains("raw.rs:"), "{error}");
        assert!(
            error.ends_with("help: subscribe to a pattern that starts with a domain, such as `appointment.*`"),
            "{error}"
        );
    }
}
