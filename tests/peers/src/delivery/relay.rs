//! Events that wait in the outbox, published.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, message::PublishMessage, stream};
use futures_util::{StreamExt as _, TryStreamExt as _, stream as futures};
use shared::Config;
use shared::event::Outgoing;
use shared::prelude::*;

use super::contest::{Contest, Goal};
use super::meter::{METER, Sample, timed};
use super::place::{Place, STREAM};
use super::vocabulary::VitalsMeasured;

/// Messages that are on their way at once, as in the relay.
pub const WINDOW: usize = 1_024;

const BROKER_ALONE: usize = 0;

/// The relay against the broker's side of it: the same messages, ids and headers included, from memory.
#[derive(Default)]
pub struct Relay {
    jetstream: Option<jetstream::Context>,
    messages: Vec<(String, PublishMessage)>,
}

impl Contest for Relay {
    const WORD: &'static str = "relay";
    const TITLE: &'static str = "events that wait in the outbox, published to JetStream";
    const WAYS: &'static [&'static str] = &["async-nats from memory, window of 1,024", "shared, from Postgres"];
    const GOALS: &'static [Goal] = &[Goal { way: 1, base: BROKER_ALONE, at_least: 0.75 }];
    const EVENTS: usize = 100_000;
    const COUNTED: usize = 5_000;

    async fn before(&mut self, place: &mut Place, way: usize, events: usize) {
        place.clear_stream().await;
        place.make_stream().await;
        if way == BROKER_ALONE {
            return;
        }
        fill(place, events).await;
    }

    async fn ready(&mut self, place: &Place, way: usize, events: usize) {
        self.jetstream = Some(place.jetstream().await);
        let sealed = (0..if way == BROKER_ALONE { events } else { 0 }).map(|n| VitalsMeasured::number(n).sealed());
        self.messages = sealed.map(message).collect();
    }

    async fn run(&mut self, place: &Place, way: usize, events: usize) -> Sample {
        let jetstream = self.jetstream.take().expect("it is ready");
        if way == BROKER_ALONE {
            let messages = std::mem::take(&mut self.messages);
            return timed(events, publish(&jetstream, WINDOW, messages.into_iter().take(events))).await;
        }
        relayed(&jetstream, &place.config(), events).await
    }
}

/// Events that wait, in a database of their own.
pub async fn fill(place: &mut Place, events: usize) {
    place.renew_database().await;
    let db = place.db().await;
    db.create_tables(&[]).await.expect("the library's own tables");
    for first in (0..events).step_by(1_000) {
        let publish = db.transaction(async |tx| {
            for n in first..events.min(first + 1_000) {
                tx.publish(VitalsMeasured::number(n)).await?;
            }
            Ok(())
        });
        publish.await.expect("they are committed");
    }
    let pool = place.pool().await;
    sqlx::query("VACUUM ANALYZE shared_outbox, shared_unpublished").execute(&pool).await.expect("statistics");
    pool.close().await;
    db.close().await;
}

/// Lets the relay publish them.
pub async fn relayed(jetstream: &jetstream::Context, config: &Config, events: usize) -> Sample {
    METER.begin(events);
    let stream = jetstream.get_stream(STREAM).await.expect("the stream is there");
    let watching = tokio::spawn(watch(stream, events));
    let running = shared::service::start(config, [Service::new("ward")]).await.expect("it starts");
    watching.await.expect("it goes on");
    // noted as published, too
    while running.db().outbox().pending().await.expect("it can be read") > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    METER.tick(1);
    let sample = METER.ended().await;
    running.shutdown().await.expect("it ends");
    sample
}

/// Counts what the stream has taken; the last one counts once it is noted.
async fn watch(mut stream: stream::Stream, events: usize) {
    let first = stream.info().await.expect("the broker answers").state.last_sequence;
    let mut seen = 0;
    while seen < events {
        let last = stream.info().await.expect("the broker answers").state.last_sequence;
        let now = usize::try_from(last - first).expect("not so many");
        METER.tick(now.min(events - 1) - seen.min(events - 1));
        seen = now;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// As it is sent.
pub fn message(event: Outgoing) -> (String, PublishMessage) {
    let mut headers = HeaderMap::new();
    for (name, value) in event.headers.iter() {
        headers.insert(name, value);
    }
    headers.insert("Nats-Msg-Id", event.id.to_string());
    (event.subject, PublishMessage::build().headers(headers).payload(event.payload))
}

/// Publishes with so many on their way at once, each acknowledged.
pub async fn publish(
    jetstream: &jetstream::Context,
    window: usize,
    messages: impl Iterator<Item = (String, PublishMessage)>,
) {
    futures::iter(messages)
        .map(|(subject, message)| async move {
            let acknowledged = jetstream.send_publish(subject, message).await.map_err(drop)?;
            acknowledged.await.map_err(drop)
        })
        .buffer_unordered(window)
        .try_for_each(async |_| Ok(()))
        .await
        .expect("the broker takes them");
}
