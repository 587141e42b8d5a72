//! A transaction with one row and one event.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::Db;
use shared::prelude::*;
use sqlx::PgPool;

use super::contest::{Contest, Goal};
use super::meter::{Sample, timed};
use super::place::Place;
use super::vocabulary::{Measurement, NewMeasurement, NewToldMeasurement, ToldMeasurement, VitalsMeasured};

const INSERT: &str = "INSERT INTO measurements (id, patient_id, number, pulse, systolic, diastolic, measured_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// An outbox as it is usually written: what a relay needs, and an index of what waits.
const OUTBOX: &str = "CREATE TABLE told_by_hand (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
     event_id uuid NOT NULL UNIQUE, subject text NOT NULL, event_type text NOT NULL, event_key text, headers text NOT NULL, \
     payload bytea NOT NULL, created_at timestamptz NOT NULL, published_at timestamptz); \
     CREATE INDEX told_by_hand_waiting ON told_by_hand (seq) WHERE published_at IS NULL";

const INSERT_EVENT: &str = "INSERT INTO told_by_hand (event_id, subject, event_type, event_key, headers, payload, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// With so many writers at once.
pub struct Transaction<const WRITERS: usize> {
    db: Option<Db>,
    pool: Option<PgPool>,
}

impl<const WRITERS: usize> Transaction<WRITERS> {
    pub fn new() -> Self {
        Self { db: None, pool: None }
    }
}

const BY_HAND: usize = 0;
const CLOSURE: usize = 1;

impl<const WRITERS: usize> Contest for Transaction<WRITERS> {
    const WORD: &'static str = "transaction";
    const TITLE: &'static str = if WRITERS == 1 {
        "transaction with one row and one event, 1 writer"
    } else {
        "transaction with one row and one event, 8 writers"
    };
    const WAYS: &'static [&'static str] = &["sqlx by hand", "shared, `transaction`", "shared, `create` with `emits`"];
    const GOALS: &'static [Goal] =
        &[Goal { way: 1, base: BY_HAND, at_least: 0.9 }, Goal { way: 2, base: BY_HAND, at_least: 0.9 }];
    const EVENTS: usize = 500 * WRITERS;
    const COUNTED: usize = 300;

    async fn before(&mut self, place: &mut Place, _way: usize, _events: usize) {
        if self.db.is_none() {
            place.renew_database().await;
            let db = place.db().await;
            db.create_tables(&entities![Measurement, ToldMeasurement]).await.expect("tables");
            let pool = place.pool().await;
            sqlx::raw_sql(OUTBOX).execute(&pool).await.expect("a table for what is told by hand");
            self.pool = Some(pool);
            self.db = Some(db);
        }
        let pool = self.pool.as_ref().expect("it was made above");
        sqlx::query("TRUNCATE measurements, told_measurements, told_by_hand, shared_outbox, shared_unpublished")
            .execute(pool)
            .await
            .expect("empty tables");
    }

    async fn ready(&mut self, place: &Place, _way: usize, _events: usize) {
        if self.db.is_none() {
            self.db = Some(place.db().await);
            self.pool = Some(place.pool().await);
        }
    }

    async fn run(&mut self, _place: &Place, way: usize, events: usize) -> Sample {
        let (db, pool) = (self.db.clone().expect("it is ready"), self.pool.clone().expect("it is ready"));
        let next = Arc::new(AtomicUsize::new(0));
        let writer = || {
            let (db, pool, next) = (db.clone(), pool.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= events {
                        return;
                    }
                    let event = VitalsMeasured::number(n);
                    match way {
                        BY_HAND => by_hand(&pool, &event).await.expect("a commit"),
                        CLOSURE => closure(&db, &event).await.expect("a commit"),
                        _ => declared(&db, &event).await.expect("a commit"),
                    }
                }
            })
        };
        timed(events, async {
            let writers: Vec<_> = (0..WRITERS).map(|_| writer()).collect();
            for writer in writers {
                writer.await.expect("it ends");
            }
        })
        .await
    }
}

async fn closure(db: &Db, event: &VitalsMeasured) -> Result<()> {
    db.transaction(async |tx| {
        tx.repo::<Measurement>().create(NewMeasurement::from(event)).await?;
        tx.publish(event).await?;
        Ok(())
    })
    .await
}

async fn declared(db: &Db, event: &VitalsMeasured) -> Result<()> {
    db.repo::<ToldMeasurement>().create(NewToldMeasurement::from(event)).await?;
    Ok(())
}

/// The same row and the same event, in four round trips. It leaves out what keeps the events of a key in the order of
/// their commits.
async fn by_hand(pool: &PgPool, event: &VitalsMeasured) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
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
    let (id, now) = (Uuid::now_v7(), Utc::now());
    let headers = serde_json::json!({
        "ce-specversion": "1.0",
        "ce-id": id,
        "ce-source": "/ward",
        "ce-type": "vitals.measured",
        "ce-time": now,
        "ce-dataschema": "urn:event:vitals.measured/v1",
        "ce-correlationid": Uuid::now_v7(),
        "ce-key": event.patient_id,
        "content-type": "application/json",
    });
    sqlx::query(INSERT_EVENT)
        .bind(id)
        .bind("vitals.measured")
        .bind("vitals.measured")
        .bind(event.patient_id.to_string())
        .bind(headers.to_string())
        .bind(serde_json::to_vec(event).expect("it can be encoded"))
        .bind(now)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}
