//! Publishing and consuming without a database, next to the client itself and to ruststream.

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::HeaderMap;
use async_nats::jetstream::{self, message::PublishMessage};
use futures_util::{StreamExt as _, stream as futures};
use ruststream::prelude::SubscriberSettings as _;
use ruststream::runtime::RunningApp;
use ruststream::{Broker as _, BytesMut, OutgoingMessage};
use ruststream_nats::prelude::{
    AppInfo, HandlerOutcome, JetStreamOptions, JetStreamPublish, JetStreamSubject, NatsBroker, RustStream, nonzero,
};
use shared::prelude::*;

use super::contest::{Contest, Goal};
use super::inbox::{Aborting, messages, store};
use super::meter::{METER, Sample, timed};
use super::place::{Place, STREAM, fresh};
use super::relay::WINDOW;
use super::vocabulary::VitalsMeasured;

const RAW: usize = 0;
const SHARED: usize = 1;

/// Events that are there as values, published one by one with 1,024 on their way.
#[derive(Default)]
pub struct Publishing {
    jetstream: Option<jetstream::Context>,
    bus: Option<Bus>,
    events: Vec<VitalsMeasured>,
}

impl Contest for Publishing {
    const WORD: &'static str = "publish";
    const TITLE: &'static str = "publish without a database, 1,024 on their way";
    const WAYS: &'static [&'static str] =
        &["async-nats, the same headers by hand", "shared, `bus.publish`", "ruststream, id and payload alone"];
    const GOALS: &'static [Goal] = &[];
    const EVENTS: usize = 50_000;
    const COUNTED: usize = 5_000;

    async fn before(&mut self, place: &mut Place, _way: usize, _events: usize) {
        place.clear_stream().await;
        place.make_stream().await;
    }

    async fn ready(&mut self, place: &Place, _way: usize, events: usize) {
        self.jetstream = Some(place.jetstream().await);
        self.bus = Some(Bus::connect(place.nats_url()).await.expect("the broker is there"));
        self.events = (0..events).map(VitalsMeasured::number).collect();
    }

    async fn run(&mut self, place: &Place, way: usize, events: usize) -> Sample {
        let all = futures::iter(self.events.iter().take(events));
        match way {
            RAW => {
                let jetstream = self.jetstream.as_ref().expect("it is ready");
                let sent = all.map(|event| by_hand(jetstream, event)).buffer_unordered(WINDOW);
                timed(events, sent.for_each(async |()| {})).await
            }
            SHARED => {
                let bus = self.bus.as_ref().expect("it is ready");
                let sent = all.map(|event| bus.publish(event)).buffer_unordered(WINDOW);
                timed(events, sent.for_each(async |sent| drop(sent.expect("the broker takes it")))).await
            }
            _ => {
                let broker = NatsBroker::new(place.nats_url()).connect().await.expect("the broker is there");
                let publisher = broker.publisher(JetStreamPublish::default());
                let publish = |event: &VitalsMeasured| {
                    let publisher = publisher.clone();
                    let payload = BytesMut::from(&*serde_json::to_vec(event).expect("it can be encoded"));
                    async move {
                        let options = JetStreamOptions {
                            message_id: Some(Uuid::now_v7().to_string()),
                            ..JetStreamOptions::default()
                        };
                        let message = OutgoingMessage::produced("vitals.measured", payload);
                        publisher.publish_ack(message, Some(&options)).await.expect("the broker takes it");
                    }
                };
                let sent = all.map(publish).buffer_unordered(WINDOW);
                timed(events, sent.for_each(async |()| {})).await
            }
        }
    }
}

/// With what another service needs to handle it once and to know where it came from.
async fn by_hand(jetstream: &jetstream::Context, event: &VitalsMeasured) {
    let id = Uuid::now_v7().to_string();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", id.as_str());
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", id.as_str());
    headers.insert("ce-source", "/ward");
    headers.insert("ce-type", "vitals.measured");
    headers.insert("ce-time", Utc::now().to_rfc3339());
    headers.insert("ce-dataschema", "urn:event:vitals.measured/v1");
    headers.insert("ce-correlationid", Uuid::now_v7().to_string());
    headers.insert("ce-key", event.patient_id.to_string());
    headers.insert("content-type", "application/json");
    let payload = serde_json::to_vec(event).expect("it can be encoded");
    let message = PublishMessage::build().headers(headers).payload(payload.into());
    let acknowledged = jetstream.send_publish("vitals.measured", message).await.expect("the client takes it");
    acknowledged.await.expect("the broker takes it");
}

/// Looks at each event, and acknowledges it.
#[derive(Default)]
pub struct Consuming {
    stored: usize,
    jetstream: Option<jetstream::Context>,
}

/// A handler whose effects may happen twice.
#[subscribe("vitals.measured", unordered, no_inbox, concurrency = 32)]
async fn look(event: VitalsMeasured) {
    black_box(&event);
    METER.tick(1);
}

#[subscribe("vitals.measured", no_inbox, concurrency = 32)]
async fn look_in_order(event: VitalsMeasured) {
    black_box(&event);
    METER.tick(1);
}

/// What ruststream's subscription is called in this round.
static DURABLE: Mutex<String> = Mutex::new(String::new());

/// Whether ruststream's events are of this run: what it has fetched it handles to the end.
static RUNS: AtomicBool = AtomicBool::new(false);

fn durable() -> String {
    DURABLE.lock().expect("nobody panics with it").clone()
}

#[ruststream::subscriber(JetStreamSubject::new("vitals.measured", STREAM).durable(durable()).max_ack_pending(2_048))]
async fn look_by_ruststream(event: &VitalsMeasured) -> HandlerOutcome {
    black_box(event);
    if RUNS.load(Ordering::Relaxed) {
        METER.tick(1);
    }
    HandlerOutcome::ack()
}

#[ruststream::subscriber(JetStreamSubject::new("vitals.measured", STREAM).durable(durable()).max_ack_pending(2_048))]
async fn look_at_many_by_ruststream(events: &[VitalsMeasured]) -> HandlerOutcome {
    black_box(events);
    if RUNS.load(Ordering::Relaxed) {
        METER.tick(events.len());
    }
    HandlerOutcome::ack()
}

impl Contest for Consuming {
    const WORD: &'static str = "consume";
    const TITLE: &'static str = "consume without a database, typed, each acknowledged";
    const WAYS: &'static [&'static str] = &[
        "async-nats, batches of 500",
        "shared, `no_inbox` and `unordered`",
        "shared, `no_inbox`, in the order of keys",
        "ruststream",
        "ruststream, batches of 500",
    ];
    const GOALS: &'static [Goal] = &[
        Goal { way: SHARED, base: RAW, at_least: 0.95 },
        Goal { way: SHARED, base: 3, at_least: 1.0 },
        Goal { way: SHARED, base: 4, at_least: 1.0 },
    ];
    const EVENTS: usize = 100_000;
    const COUNTED: usize = 10_000;

    async fn before(&mut self, place: &mut Place, _way: usize, events: usize) {
        if self.stored != events {
            store(place, events).await;
            self.stored = events;
        }
    }

    async fn ready(&mut self, place: &Place, _way: usize, _events: usize) {
        self.jetstream = Some(place.jetstream().await);
    }

    async fn run(&mut self, place: &Place, way: usize, events: usize) -> Sample {
        METER.begin(events);
        let name = fresh("ward");
        match way {
            RAW => {
                let mut messages = messages(self.jetstream.as_ref().expect("it is ready"), &name).await;
                let _working = Aborting(
                    tokio::spawn(async move {
                        while let Some(message) = messages.next().await {
                            let message = message.expect("a message");
                            let event: VitalsMeasured = serde_json::from_slice(&message.payload).expect("an event");
                            black_box(&event);
                            message.ack().await.expect("the client takes it");
                            METER.tick(1);
                        }
                    })
                    .abort_handle(),
                );
                METER.ended().await
            }
            1 | 2 => {
                // which is not touched but for dead letters
                let config = place.config().with_database_url("sqlite::memory:");
                let subscribers = if way == SHARED { subscribers![look] } else { subscribers![look_in_order] };
                let service = Service::new(name).subscribe(subscribers);
                let running = shared::service::start(&config, [service]).await.expect("it starts");
                let sample = METER.ended().await;
                running.shutdown().await.expect("it ends");
                sample
            }
            _ => {
                DURABLE.lock().expect("nobody panics with it").clone_from(&name);
                RUNS.store(true, Ordering::Relaxed);
                let running = ruststream_app(place, way == 4).await;
                let sample = METER.ended().await;
                RUNS.store(false, Ordering::Relaxed);
                running.shutdown().await.expect("it ends");
                sample
            }
        }
    }
}

async fn ruststream_app(place: &Place, batches: bool) -> RunningApp {
    let app = RustStream::new(AppInfo::new("ward", "0.0.0")).with_broker(NatsBroker::new(place.nats_url()), |broker| {
        if batches {
            broker.include(look_at_many_by_ruststream.batch(nonzero!(500)));
        } else {
            broker.include(look_by_ruststream);
        }
    });
    app.start().await.expect("it starts")
}
