//! Streams and consumers on the server: made, compared, changed, refused, made again.

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::{self, stream};
use shared::prelude::*;
use tests::{Nats, equal, eventually};

use crate::handlers::{keep, keep_all, service, tell};
use crate::script::{Gate, Script};
use crate::surroundings::{Foreign, SOON, Surroundings, cases, commit, kept, kept_soon, settle};
use crate::vocabulary::{taken, taken_json};

cases! {
    everywhere: [],
    lasting: [],
    on_nats: [
        a_stream_without_the_subjects_gets_them,
        a_stream_that_would_lose_events_is_refused_as_it_is,
        a_longer_age_is_applied_and_a_shorter_one_refused,
        a_limit_that_nobody_declared_is_the_operators,
        a_consumer_that_would_lose_events_is_put_right,
        a_server_that_takes_less_than_an_event_is_refused,
        a_deleted_consumer_is_made_again,
        a_deleted_stream_is_made_again,
        what_the_server_gives_up_is_handled_nevertheless,
    ],
}

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn jetstream(place: &Surroundings) -> jetstream::Context {
    jetstream::new(place.client().await)
}

async fn stream_config(place: &Surroundings) -> stream::Config {
    let stream = jetstream(place).await.get_stream("NOTE").await.expect("the stream is there");
    stream.cached_info().config.clone()
}

async fn refused(place: &Surroundings) -> String {
    let service = service("one", &Script::succeed()).subscribe(subscribers![keep]);
    let error = shared::start(&place.config, [service]).await.expect_err("the services do not start");
    error.to_string()
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` in {text}");
    }
}

async fn start_and_stop(place: &Surroundings) {
    let running = place.start([service("one", &Script::succeed()).subscribe(subscribers![keep])]).await;
    running.shutdown().await.expect("it ends in time");
}

async fn a_stream_without_the_subjects_gets_them(place: Surroundings) {
    let narrow = stream::Config {
        name: "NOTE".into(),
        subjects: vec!["note.other".into(), "memo.*".into()],
        ..stream::Config::default()
    };
    jetstream(&place).await.create_stream(narrow).await.expect("the stream is made");
    let running = place.start([service("one", &Script::succeed()).subscribe(subscribers![keep_all])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep_all").await, [1]);
    assert_eq!(stream_config(&place).await.subjects, ["memo.*", "note", "note.>"]);
    running.shutdown().await.expect("it ends in time");
}

async fn a_stream_that_would_lose_events_is_refused_as_it_is(place: Surroundings) {
    let forgetful = stream::Config {
        name: "NOTE".into(),
        subjects: vec!["note.>".into()],
        storage: stream::StorageType::Memory,
        ..stream::Config::default()
    };
    jetstream(&place).await.create_stream(forgetful).await.expect("the stream is made");
    let text = refused(&place).await;
    says(&text, &["`NOTE`", "storage memory", "declared is file", "help: ", "nats stream backup NOTE"]);
    assert_eq!(stream_config(&place).await.subjects, ["note.>"], "nothing was changed");
}

async fn a_longer_age_is_applied_and_a_shorter_one_refused(mut place: Surroundings) {
    start_and_stop(&place).await;
    assert_eq!(stream_config(&place).await.max_age, DAY * 30);
    assert_eq!(stream_config(&place).await.duplicate_window, Duration::from_secs(120));

    place.config.stream_max_age = Some(DAY * 60);
    place.config.stream_duplicate_window = Some(Duration::from_secs(600));
    start_and_stop(&place).await;
    assert_eq!(stream_config(&place).await.max_age, DAY * 60);
    assert_eq!(stream_config(&place).await.duplicate_window, Duration::from_secs(600));

    place.config.stream_max_age = Some(DAY * 7);
    let text = refused(&place).await;
    says(&text, &["`STREAM_MAX_AGE`", "`NOTE`", "max_age 60d", "declared is 7d", "help: ", "--max-age 7d"]);
    assert_eq!(stream_config(&place).await.max_age, DAY * 60);
}

async fn a_limit_that_nobody_declared_is_the_operators(place: Surroundings) {
    start_and_stop(&place).await;
    let changed = stream::Config { max_age: DAY, max_bytes: 1_000_000, ..stream_config(&place).await };
    jetstream(&place).await.update_stream(changed).await.expect("the stream is changed");
    start_and_stop(&place).await;
    let config = stream_config(&place).await;
    assert_eq!((config.max_age, config.max_bytes), (DAY, 1_000_000));
}

async fn a_consumer_that_would_lose_events_is_put_right(place: Surroundings) {
    start_and_stop(&place).await;
    let stream = jetstream(&place).await.get_stream("NOTE").await.expect("the stream is there");
    let config = async || {
        let consumer = stream.get_consumer::<pull::Config>("one_keep").await.expect("the consumer is there");
        consumer.cached_info().config.clone()
    };
    let limited = jetstream::consumer::Config { max_deliver: 3, headers_only: true, ..config().await };
    stream.create_consumer(limited).await.expect("the consumer is changed");
    assert_eq!((config().await.max_deliver, config().await.headers_only), (3, true));
    start_and_stop(&place).await;
    assert_eq!((config().await.max_deliver, config().await.headers_only), (-1, false));
}

async fn a_server_that_takes_less_than_an_event_is_refused(mut place: Surroundings) {
    let server = Nats::start_with("max_payload: 100000").await;
    place.config.nats_url = Some(server.url());
    let text = refused(&place).await;
    says(&text, &["`MAX_PAYLOAD`", "983040", "100000", "help: set it to 83616 or less"]);
    place.config.max_payload = 83_616;
    start_and_stop(&place).await;
}

async fn a_deleted_consumer_is_made_again(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1), taken("a", 2)]).await;
    settle(&running).await;
    let stream = jetstream(&place).await.get_stream("NOTE").await.expect("the stream is there");
    stream.delete_consumer("one_keep").await.expect("the consumer is deleted");
    commit(running.db(), [taken("a", 3)]).await;
    kept_soon(running.db(), "keep", &[1, 2, 3]).await;
    settle(&running).await;
    // it takes the stream from its start, and the inbox knows
    eventually(SOON, async || equal(running.db().inbox().duplicates_suppressed().await.expect("it can be read"), 2))
        .await;
    assert_eq!(script.done_of("a"), [1, 2, 3]);
    running.shutdown().await.expect("it ends in time");
}

async fn a_deleted_stream_is_made_again(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    let jetstream = jetstream(&place).await;
    jetstream.delete_stream("NOTE").await.expect("the stream is deleted");
    // nobody publishes: the subscription notices by itself
    eventually(SOON, async || jetstream.get_stream("NOTE").await.map(|_| ()).map_err(|error| error.to_string())).await;
    place.put(&running, &[Foreign::event("note.taken", taken_json("a", 2)).key("a")]).await;
    commit(running.db(), [taken("a", 3)]).await;
    kept_soon(running.db(), "keep", &[1, 2, 3]).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");
}

async fn what_the_server_gives_up_is_handled_nevertheless(mut place: Surroundings) {
    place.config.ack_wait = Duration::from_secs(1);
    let gate = Gate::closed();
    let stuck = Script::new(move |_| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            Ok(())
        }
    });
    let first = place.start([service("one", &stuck).subscribe(subscribers![tell])]).await;
    let db = place.db().await;
    commit(&db, [taken("a", 1)]).await;
    stuck.begun_soon(1).await;

    let script = Script::succeed();
    let second = place.start([service("one", &script).subscribe(subscribers![tell])]).await;
    let stream = jetstream(&place).await.get_stream("NOTE").await.expect("the stream is there");
    let consumer = stream.get_consumer::<pull::Config>("one_tell").await.expect("the consumer is there");
    let limited = jetstream::consumer::Config { max_deliver: 1, ..consumer.cached_info().config.clone() };
    stream.create_consumer(limited).await.expect("the consumer is changed");
    // it dies with the message, which is not delivered a second time
    drop(first);
    eventually(SOON, async || equal(script.done_of("a"), [1])).await;
    settle(&second).await;
    second.shutdown().await.expect("it ends in time");
}
