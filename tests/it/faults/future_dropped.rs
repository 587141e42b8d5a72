//! Calls of the bus and of running services, dropped at any of their steps. Those of the database are dropped in
//! `tests/it/transactions/dropped.rs`.

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use shared::db::DeadLetter;
use shared::prelude::*;
use shared::{Config, Running};
use tests::{Moment, Nats, Postgres, dropped_after};

use crate::place::LONG;

/// More steps than any call takes.
const MOST: usize = 100_000;

/// A bell rang.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "bell.rang", key = number)]
struct BellRang {
    number: i64,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "rings")]
struct Ring {
    #[entity(id)]
    id: Uuid,
    number: i64,
}

#[subscribe("bell.rang")]
async fn hear(event: BellRang, tx: &mut Tx) -> Result<()> {
    if event.number < 0 {
        return Err(Error::permanent("no bell"));
    }
    tx.repo::<Ring>().create(NewRing { number: event.number }).await.map(|_| ())
}

fn service() -> Service {
    Service::new("house").entities(entities![Ring]).subscribe(subscribers![hear])
}

/// With one connection to the database, so that whatever it was left in shows.
async fn config(nats: &Nats) -> Config {
    let mut config = Config::embedded()
        .with_database_url(Postgres::shared().await.database().await)
        .with_nats_url(Some(nats.url()))
        .with_service("house");
    config.database_max_connections = 1;
    config.ack_wait = Duration::from_secs(1);
    config
}

async fn start(config: &Config) -> Running {
    shared::start(config, [service()]).await.expect("it starts")
}

/// Two statements run in different transactions.
async fn clean(db: &Db) {
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..2 {
        let pool = db.postgres().expect("it is Postgres");
        let id = sqlx::query_scalar("SELECT pg_current_xact_id()::text").fetch_one(pool).await;
        ids.push(id.expect("the statement runs"));
    }
    assert_ne!(ids[0], ids[1], "both statements ran in one transaction");
}

/// Each bell that was certainly rung was heard, and none twice.
async fn heard(running: &Running, rung: &[i64]) {
    running.settled(LONG).await.expect("everything is handled");
    let rows = running.db().repo::<Ring>().query().order_by(Ring::NUMBER.asc()).unlimited().all().await;
    let numbers: Vec<i64> = rows.expect("they can be read").into_iter().map(|ring| ring.number).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    let missing: Vec<&i64> = rung.iter().filter(|number| numbers.binary_search(number).is_err()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

type Call<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One of each kind of call. What comes of it does not matter: the one before may have been dropped or not.
fn call<'a>(
    kind: usize,
    running: &'a Running,
    config: &'a Config,
    number: i64,
    letter: &'a DeadLetter,
) -> Option<Call<'a>> {
    let (db, bus) = (running.db(), running.bus());
    Some(match kind {
        0 => Box::pin(async move { drop(bus.publish(BellRang { number }).await) }),
        1 => Box::pin(async move { drop(bus.publish_raw("bell.other", "bell.other", &serde_json::json!({})).await) }),
        2 => Box::pin(async move { drop(bus.ping().await) }),
        3 => Box::pin(async move { drop(running.settled(Duration::ZERO).await) }),
        4 => Box::pin(async move { drop(running.replay(letter.id).await) }),
        5 => Box::pin(async move { drop(db.dead_letters().list().await) }),
        6 => Box::pin(async move { drop(db.dead_letters().count().await) }),
        7 => Box::pin(async move { drop(db.dead_letters().purge(letter.event_id.parse().unwrap_or_default()).await) }),
        8 => Box::pin(async move { drop(db.inbox().handled().await) }),
        9 => Box::pin(async move { drop(db.inbox().latencies().await) }),
        10 => Box::pin(async move { drop(db.outbox().entries().collect::<Vec<_>>().await) }),
        11 => Box::pin(async move { drop(db.outbox().published_by_subject().await) }),
        12 => Box::pin(async move { drop(Bus::from_config(config).await) }),
        13 => Box::pin(async move { drop(db.transaction(async |tx| tx.publish(BellRang { number }).await).await) }),
        _ => return None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn any_call_dropped_at_any_step_leaves_everything_as_it_was() {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let nats = Nats::start().await;
    let config = config(&nats).await;
    let running = start(&config).await;
    running.bus().publish(BellRang { number: -1 }).await.expect("it is published");
    running.settled(LONG).await.expect("it is parked");
    let mut rung = Vec::new();
    let mut kind = 0;
    loop {
        let (mut steps, mut ended) = (0, false);
        while !ended {
            assert!(steps < MOST, "call {kind} did not come to its end");
            for moment in [Moment::Waiting, Moment::Woken] {
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let letters = running.db().dead_letters().list().await.expect("they can be read");
                let letter = letters.last().expect("the bell that is none stays parked");
                let Some(call) = call(kind, &running, &config, number, letter) else {
                    assert_eq!(kind, 14);
                    heard(&running, &rung).await;
                    return running.shutdown().await.expect("it ends in time");
                };
                ended = dropped_after(steps, moment, call).await.is_some();
                if ended && matches!(kind, 0 | 13) {
                    rung.push(number);
                }
                clean(running.db()).await;
            }
            steps += 1 + steps / 4;
        }
        kind += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_dropped_at_any_step_is_made_up_for_by_the_next() {
    let nats = Nats::start().await;
    let config = config(&nats).await;
    let mut steps = 0;
    loop {
        assert!(steps < MOST, "the start did not come to its end");
        let started = dropped_after(steps, Moment::Woken, shared::start(&config, [service()])).await;
        if let Some(running) = started {
            let running = running.expect("it starts");
            running.bus().publish(BellRang { number: 1 }).await.expect("it is published");
            heard(&running, &[1]).await;
            clean(running.db()).await;
            return running.shutdown().await.expect("it ends in time");
        }
        steps += 1 + steps / 4;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_dropped_at_any_step_loses_nothing() {
    let nats = Nats::start().await;
    let config = config(&nats).await;
    let mut rung = Vec::new();
    for steps in 0..500 {
        let running = start(&config).await;
        let db = running.db().clone();
        for _ in 0..5 {
            let number = rung.len() as i64 + 1;
            db.transaction(async |tx| tx.publish(BellRang { number }).await).await.expect("it commits");
            rung.push(number);
        }
        if dropped_after(steps, Moment::Woken, running.shutdown()).await.is_some() {
            break;
        }
    }
    let running = start(&config).await;
    heard(&running, &rung).await;
    assert_eq!(running.db().dead_letters().count().await.expect("it can be read"), 0);
    running.shutdown().await.expect("it ends in time");
}
