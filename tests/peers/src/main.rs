//! What `shared` costs next to sqlx by hand, SeaORM and Diesel, on the same table of the same database.
//!
//!     cargo run --release --manifest-path tests/peers/Cargo.toml
//!     cargo run --release --manifest-path tests/peers/Cargo.toml -- compile
//!     cargo run --release --manifest-path tests/peers/Cargo.toml -- delivery
//!
//! The first one prints a table for each operation and engine: medians of interleaved rounds and the ratio to sqlx by
//! hand, which is the median of the ratios within a round, so a machine that others use as well does less harm to it.
//! Names of operations and engines (`get sqlite`) choose some of them. The second one prints what entities cost
//! `cargo check`. The third one measures how events are delivered, next to the same by hand; `delivery --help` says more.

mod allocator;
mod appointment;
mod by_hand;
mod compile;
mod delivery;
mod diesel_async;
mod entity;
mod operation;
mod sea_orm;
mod stream;

use std::env;
use std::rc::Rc;

use shared::Db;
use shared::db::DbOptions;
use tests::{Postgres, Scratch, measure};
use tokio::runtime::{Builder, Runtime};

use self::operation::Peer;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// The database that the runs under callgrind use as well.
const DATABASE: &str = "PEERS_DATABASE";

fn main() {
    let chosen: Vec<String> = env::args().skip(1).collect();
    if let Some((word, rest)) = chosen.split_first()
        && word == "delivery"
    {
        return delivery::run(rest);
    }
    if chosen.iter().any(|word| word == "compile") {
        return compile::run();
    }
    allocator::count(true);
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build().expect("a runtime"));
    let is_chosen = |engine: &str| {
        let engines = ["postgres", "sqlite"];
        chosen.iter().any(|word| word == engine) || !chosen.iter().any(|word| engines.contains(&word.as_str()))
    };
    if let Ok(url) = env::var(DATABASE) {
        // started by the run below, to count one case's instructions
        return on_engine(&runtime, &url, &chosen);
    }
    if is_chosen("postgres") {
        let server = runtime.block_on(Postgres::start());
        let url = runtime.block_on(server.database());
        runtime.block_on(entity::fill(&url));
        on_engine(&runtime, &url, &chosen);
    }
    if is_chosen("sqlite") {
        let directory = Scratch::new("peers");
        let url = format!("sqlite://{}", directory.join("peers.db").display());
        runtime.block_on(entity::fill(&url));
        on_engine(&runtime, &url, &chosen);
    }
}

fn on_engine(runtime: &Rc<Runtime>, url: &str, chosen: &[String]) {
    // everybody has one connection: another one that is opened now and then would be most of what is counted
    let db = runtime.block_on(DbOptions::new(url).max_connections(1).connect()).expect("the database is there");
    let engine = db.engine();
    // a pool of its own with the same settings: of one that others use as well, `shared` keeps no connections ready
    let others = runtime.block_on(DbOptions::new(url).max_connections(1).connect()).expect("the database is there");
    if let Some(pool) = others.postgres() {
        let peers = (
            by_hand::OnPostgres::new(pool.clone()),
            sea_orm::SeaOrm::on_postgres(pool.clone()),
            runtime.block_on(diesel_async::postgres::Diesel::connect(url)),
        );
        compare(runtime, url, chosen, engine.as_str(), db.clone(), peers);
    } else {
        let pool = runtime.block_on(by_hand::sqlite_pool(url));
        let peers = (
            by_hand::OnSqlite::new(pool.clone()),
            sea_orm::SeaOrm::on_sqlite(pool),
            runtime.block_on(diesel_async::sqlite::Diesel::connect(url)),
        );
        compare(runtime, url, chosen, engine.as_str(), db.clone(), peers);
    }
    if env::var(DATABASE).is_err() && operation::is_chosen(chosen, "memory") {
        runtime.block_on(stream::memory(&db));
    }
}

fn compare(
    runtime: &Rc<Runtime>,
    url: &str,
    chosen: &[String],
    engine: &str,
    db: Db,
    (by_hand, sea_orm, diesel): (impl Peer, impl Peer, impl Peer),
) {
    let shared = entity::Shared::new(&db);
    let (by_hand, shared, sea_orm, diesel) = (Rc::new(by_hand), Rc::new(shared), Rc::new(sea_orm), Rc::new(diesel));
    for operation in operation::ALL {
        if !operation::is_chosen(chosen, operation.word()) {
            continue;
        }
        let cases = vec![
            operation.case("sqlx by hand", runtime, &by_hand),
            operation.case("shared", runtime, &shared),
            operation.case("SeaORM", runtime, &sea_orm),
            operation.case("diesel-async", runtime, &diesel),
        ];
        measure::Table::comparing(format!("{engine}: {}", operation.name()))
            .allocations(allocator::made)
            .environment(DATABASE, url)
            .run(cases);
    }
}
