//! Consuming with an inbox and one row written for each event.

use std::collections::HashSet;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::{self, Message};
use futures_util::StreamExt as _;
use shared::prelude::*;
use sqlx::PgPool;
use tokio::task::{AbortHandle, JoinSet};

use super::contest::{Contest, Goal};
use super::meter::{METER, Sample};
use super::place::{Place, STREAM, fresh};
use super::relay::{WINDOW, message, publish};
use super::vocabulary::{Measurement, NewMeasurement, VitalsMeasured};

/// Handlers that run at once.
const LANES: usize = 32;
/// Events that are handled in one call.
const BATCH: usize = 500;

#[subscribe("vitals.measured", concurrency = 32)]
async fn keep(event: VitalsMeasured, tx: &mut Tx) -> Result<()> {
    tx.repo::<Measurement>().create(NewMeasurement::from(&event)).await?;
    tx.after_commit(|| METER.tick(1));
    Ok(())
}

#[subscribe("vitals.measured", batch(max = 500))]
async fn keep_all(events: Batch<VitalsMeasured>, tx: &mut Tx) -> Result<()> {
    let handled = events.len();
    tx.repo::<Measurement>().create_many(events.iter().map(NewMeasurement::from).collect()).await?;
    tx.after_commit(move || METER.tick(handled));
    Ok(())
}

const EACH: usize = 0;
const SINGLE: usize = 1;
const BATCHES: usize = 2;

/// An inbox as small as it can be.
const TABLE: &str = "CREATE TABLE inbox_by_hand (subscription text, event_id uuid, handled_at timestamptz NOT NULL, \
     PRIMARY KEY (subscription, event_id))";

#[derive(Default)]
pub struct Inbox {
    stored: usize,
    jetstream: Option<jetstream::Context>,
    pool: Option<PgPool>,
}

impl Contest for Inbox {
    const WORD: &'static str = "inbox";
    const TITLE: &'static str = "consume with an inbox and one row written for each event";
    const WAYS: &'static [&'static str] = &[
        "by hand, a transaction each, 32 lanes",
        "shared, one at a time, 32 lanes",
        "by hand, inbox and UNNEST, batches of 500",
        "shared, `Batch` of 500",
    ];
    const GOALS: &'static [Goal] =
        &[Goal { way: SINGLE, base: EACH, at_least: 1.5 }, Goal { way: 3, base: BATCHES, at_least: 0.8 }];
    const EVENTS: usize = 20_000;
    const COUNTED: usize = 2_000;

    async fn before(&mut self, place: &mut Place, _way: usize, events: usize) {
        // everybody reads the same messages by a consumer of his own
        if self.stored != events {
            store(place, events).await;
            self.stored = events;
        }
        place.renew_database().await;
        let db = place.db().await;
        db.create_tables(&entities![Measurement]).await.expect("tables");
        db.close().await;
        let pool = place.pool().await;
        sqlx::query(TABLE).execute(&pool).await.expect("a table");
        pool.close().await;
    }

    async fn ready(&mut self, place: &Place, _way: usize, _events: usize) {
        self.jetstream = Some(place.jetstream().await);
        self.pool = Some(place.pool().await);
    }

    async fn run(&mut self, place: &Place, way: usize, events: usize) -> Sample {
        METER.begin(events);
        let name = fresh("ward");
        match way {
            EACH | BATCHES => {
                let (jetstream, pool) = (self.jetstream.take(), self.pool.take());
                let (jetstream, pool) = (jetstream.expect("it is ready"), pool.expect("it is ready"));
                let messages = messages(&jetstream, &name).await;
                let working = Aborting(match way {
                    EACH => tokio::spawn(each(messages, pool.clone(), name)).abort_handle(),
                    _ => tokio::spawn(batches(messages, pool.clone(), name)).abort_handle(),
                });
                let sample = METER.ended().await;
                drop(working);
                pool.close().await;
                sample
            }
            _ => {
                let subscribers = if way == SINGLE { subscribers![keep] } else { subscribers![keep_all] };
                let service = Service::new(name).entities(entities![Measurement]).subscribe(subscribers);
                let running = shared::service::start(&place.config(), [service]).await.expect("it starts");
                let sample = METER.ended().await;
                running.shutdown().await.expect("it ends");
                sample
            }
        }
    }
}

/// Fills the stream.
pub async fn store(place: &Place, events: usize) {
    place.clear_stream().await;
    place.make_stream().await;
    let sealed = (0..events).map(|n| message(VitalsMeasured::number(n).sealed()));
    publish(&place.jetstream().await, WINDOW, sealed).await;
}

/// A consumer of its own, which asks for 500 messages at once.
pub async fn messages(jetstream: &jetstream::Context, durable: &str) -> pull::Stream {
    let config = pull::Config {
        durable_name: Some(durable.to_owned()),
        filter_subject: "vitals.measured".to_owned(),
        max_ack_pending: 2_048,
        ..pull::Config::default()
    };
    let consumer = jetstream.create_consumer_on_stream(config, STREAM).await.expect("a consumer");
    consumer.stream().max_messages_per_batch(BATCH).messages().await.expect("messages")
}

/// Ends a task.
pub struct Aborting(pub AbortHandle);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn id_of(message: &Message) -> Uuid {
    let headers = message.headers.as_ref().expect("it has headers");
    headers.get("ce-id").and_then(|id| id.as_str().parse().ok()).expect("it has an id")
}

/// A task for each message, 32 at once, each with a transaction of its own.
async fn each(mut messages: pull::Stream, pool: PgPool, subscription: String) {
    let mut lanes = JoinSet::new();
    while let Some(message) = messages.next().await {
        let message = message.expect("a message");
        if lanes.len() >= LANES {
            lanes.join_next().await.expect("one of them").expect("it does not panic");
        }
        let (pool, subscription) = (pool.clone(), subscription.clone());
        lanes.spawn(async move {
            let event: VitalsMeasured = serde_json::from_slice(&message.payload).expect("an event");
            handle(&pool, &subscription, id_of(&message), &event).await.expect("a commit");
            message.ack().await.expect("the client takes it");
            METER.tick(1);
        });
    }
}

async fn handle(pool: &PgPool, subscription: &str, id: Uuid, event: &VitalsMeasured) -> sqlx::Result<()> {
    const NOTE: &str = "INSERT INTO inbox_by_hand VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    const INSERT: &str = "INSERT INTO measurements (id, patient_id, number, pulse, systolic, diastolic, measured_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let mut tx = pool.begin().await?;
    let noted = sqlx::query(NOTE).bind(subscription).bind(id).bind(Utc::now()).execute(&mut *tx).await?;
    if noted.rows_affected() == 1 {
        sqlx::query(INSERT)
            .bind(Uuid::now_v7())
            .bind(event.patient_id)
            .bind(event.number as i32)
            .bind(event.pulse)
            .bind(event.systolic)
            .bind(event.diastolic)
            .bind(event.measured_at)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}

/// What is there, up to 500 messages, in one transaction with two statements. The client fetches the next ones meanwhile.
async fn batches(messages: pull::Stream, pool: PgPool, subscription: String) {
    let mut batches = messages.ready_chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let batch: Vec<Message> = batch.into_iter().map(|message| message.expect("a message")).collect();
        let event = |message: &Message| {
            let event: VitalsMeasured = serde_json::from_slice(&message.payload).expect("an event");
            (id_of(message), event)
        };
        let events: Vec<(Uuid, VitalsMeasured)> = batch.iter().map(event).collect();
        handle_all(&pool, &subscription, &events).await.expect("a commit");
        for message in &batch {
            message.ack().await.expect("the client takes it");
        }
        METER.tick(batch.len());
    }
}

async fn handle_all(pool: &PgPool, subscription: &str, events: &[(Uuid, VitalsMeasured)]) -> sqlx::Result<()> {
    const NOTE: &str = "INSERT INTO inbox_by_hand SELECT $1, e.id, $2 FROM UNNEST($3::uuid[]) AS e (id) \
         ON CONFLICT DO NOTHING RETURNING event_id";
    const INSERT: &str = "INSERT INTO measurements (id, patient_id, number, pulse, systolic, diastolic, measured_at) \
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::int[], $7::timestamptz[])";
    let ids: Vec<Uuid> = events.iter().map(|(id, _)| *id).collect();
    let mut tx = pool.begin().await?;
    let new: Vec<Uuid> =
        sqlx::query_scalar(NOTE).bind(subscription).bind(Utc::now()).bind(ids).fetch_all(&mut *tx).await?;
    let new: HashSet<Uuid> = new.into_iter().collect();
    let events: Vec<&VitalsMeasured> =
        events.iter().filter(|(id, _)| new.contains(id)).map(|(_, event)| event).collect();
    sqlx::query(INSERT)
        .bind(events.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.patient_id).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.number as i32).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.pulse).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.systolic).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.diastolic).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.measured_at).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}
