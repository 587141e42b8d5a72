//! What the services do: they follow walkers, each of whom takes one step after another.

use std::process;

use shared::entity::EntityDef;
use shared::prelude::*;
use shared::service::signalled;
use shared::{Config, Error};

pub(crate) const WALKERS: [&str; 6] = ["ada", "ben", "cyn", "dan", "eve", "fay"];

/// Counts the steps of a walker, or how many of them a subscriber has seen, under the lock of its row.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "counts")]
pub(crate) struct Count {
    #[entity(id)]
    pub(crate) id: Uuid,
    #[entity(unique)]
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// What a subscriber has seen. Nothing is unique, so that a handler that ran twice shows.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "sights")]
pub(crate) struct Sight {
    #[entity(id)]
    pub(crate) id: Uuid,
    pub(crate) walker: String,
    pub(crate) step: i64,
    /// Its place among what was seen of this walker, as it was committed.
    pub(crate) place: i64,
    /// The process that saw it.
    pub(crate) process: i64,
}

/// Somebody took a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "step.taken", key = walker)]
pub(crate) struct StepTaken {
    pub(crate) walker: String,
    pub(crate) step: i64,
}

/// Somebody looked around, in no order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "look.taken")]
pub(crate) struct LookTaken {
    pub(crate) walker: String,
    pub(crate) step: i64,
}

pub(crate) fn tables() -> [&'static EntityDef; 2] {
    entities![Count, Sight]
}

async fn next(tx: &Tx, name: &str) -> Result<i64> {
    let counts = tx.repo::<Count>();
    let row = counts.query().filter(Count::NAME.eq(name.to_owned())).lock_for_update().first().await?;
    let row = row.ok_or(Error::NotFound { entity: "Count" })?;
    let count = row.count + 1;
    counts.update(&row, CountPatch::new().count(count)).await?;
    Ok(count)
}

async fn see(tx: &Tx, walker: String, step: i64) -> Result<()> {
    let place = next(tx, &format!("seen {walker}")).await?;
    let process = i64::from(process::id());
    tx.repo::<Sight>().create(NewSight { walker, step, place, process }).await?;
    Ok(())
}

#[subscribe("step.taken", retry(max = 1000, backoff = "5ms..200ms"), concurrency = 8)]
async fn ordered(event: StepTaken, tx: &mut Tx) -> Result<()> {
    see(tx, event.walker, event.step).await
}

#[subscribe("step.taken", retry(max = 1000, backoff = "5ms..200ms"), partitions = 4)]
async fn parted(event: StepTaken, tx: &mut Tx) -> Result<()> {
    see(tx, event.walker, event.step).await
}

/// The same subscription, before it was parted.
#[subscribe("step.taken", retry(max = 1000, backoff = "5ms..200ms"), name = "parted")]
async fn parted_before(event: StepTaken, tx: &mut Tx) -> Result<()> {
    see(tx, event.walker, event.step).await
}

#[subscribe("step.taken", retry(max = 1000, backoff = "5ms..200ms"), unordered)]
async fn unordered(event: StepTaken, tx: &mut Tx) -> Result<()> {
    see(tx, event.walker, event.step).await
}

#[subscribe("look.taken", retry(max = 1000, backoff = "5ms..200ms"))]
async fn keyless(event: LookTaken, tx: &mut Tx) -> Result<()> {
    see(tx, event.walker, event.step).await
}

/// What a child does from its start to its end.
pub(crate) async fn serve(subscriber: &str) {
    shared::log::init();
    let subscribers = match subscriber {
        "ordered" => shared::subscribers![ordered],
        "parted" => shared::subscribers![parted],
        "parted_before" => shared::subscribers![parted_before],
        "unordered" => shared::subscribers![unordered],
        "keyless" => shared::subscribers![keyless],
        other => panic!("there is no subscriber `{other}`"),
    };
    let config = Config::from_env().expect("the environment is right");
    let service = Service::new("walks").entities(tables()).subscribe(subscribers);
    let mut running = shared::start(&config, [service]).await.expect("it starts");
    println!("ready");
    tokio::select! {
        () = signalled() => {}
        () = running.ended() => panic!("it ended by itself"),
    }
    running.shutdown().await.expect("it ends in time");
}

/// The rows that count.
pub(crate) async fn prepare(db: &Db) {
    db.create_tables(&tables()).await.expect("the tables are made");
    let names = WALKERS.iter().flat_map(|walker| [(*walker).to_owned(), format!("seen {walker}")]);
    let counts = names.map(|name| NewCount { name, count: 0 }).collect();
    db.repo::<Count>().create_many(counts).await.expect("the rows are made");
}

/// Commits a step, with its event.
pub(crate) async fn step(db: &Db, walker: &str) -> Result<()> {
    db.transaction(async |tx| {
        let step = next(tx, walker).await?;
        let walker = walker.to_owned();
        tx.publish(LookTaken { walker: walker.clone(), step }).await?;
        tx.publish(StepTaken { walker, step }).await?;
        Ok(())
    })
    .await
}
