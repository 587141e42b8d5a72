//! Everything fails, again and again, while writers write and services handle; at the end nothing is lost, doubled or
//! reordered.
//!
//! `cargo test -p tests --test nemesis -- --minutes 30 --seed 7`; without arguments it takes little more than a minute.
//! It prints what it did, and the seed: the same one brings the same faults, though not at the same moments.

#[allow(dead_code)] // what only the faults one by one need
#[path = "../faults/child.rs"]
mod child;
#[allow(dead_code)]
#[path = "../faults/ledger.rs"]
mod ledger;
mod options;
#[allow(dead_code)]
#[path = "../faults/place.rs"]
mod place;
mod scene;
mod strike;
mod stuck;
#[allow(dead_code)]
#[path = "../faults/writers.rs"]
mod writers;

use std::collections::BTreeMap;
use std::env;
use std::time::{Duration, Instant};

use self::options::Options;
use self::scene::Scene;
use self::strike::Strike;

/// This binary is a child by its environment alone.
const CHILD: [&str; 0] = [];

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("the runtime starts");
    if let Ok(services) = env::var(child::SERVICES) {
        return child::ended_well(runtime.block_on(child::serve(&services)));
    }
    let Some(options) = Options::parse(env::args().skip(1)) else {
        println!("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out");
        return;
    };
    println!("nemesis: {} s with the seed {}", options.span.as_secs(), options.seed);
    runtime.block_on(run(&options));
    println!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
}

async fn run(options: &Options) {
    let mut random = fastrand::Rng::with_seed(options.seed);
    let mut scene = Scene::open().await;
    let writers = scene.place.writers_at(8, options.pause);
    let mut struck: BTreeMap<&str, usize> = BTreeMap::new();
    let until = Instant::now() + options.span;
    while Instant::now() < until {
        let strike = Strike::choose(&mut random);
        println!("{:>6} s left: {strike}", until.saturating_duration_since(Instant::now()).as_secs());
        strike.carry_out(&mut scene, &mut random).await;
        *struck.entry(strike.name()).or_default() += 1;
        // how long all is well: part of what is tried out
        tokio::time::sleep(Duration::from_millis(random.u64(200..3_000))).await;
    }
    writers.stop().await;
    let figures = scene.judged().await;
    let suppressed = scene.place.suppressed().await;
    let replays = scene.replays();
    scene.end().await;

    let faults: usize = struck.values().sum();
    println!("\nfaults               {faults}");
    for (name, times) in struck {
        println!("  {name:<27}{times}");
    }
    println!("entries committed    {}", figures.committed);
    println!("  rolled back        {}", figures.rolled_back);
    println!("  in doubt           {} there, {} not", figures.in_doubt.0, figures.in_doubt.1);
    println!("events handled       {}", figures.handled);
    println!("  suppressed         {suppressed} deliveries of handled ones");
    println!("  replays            {replays} times, since the broker had gone back");
    println!("dead letters         {}, all expected", figures.parked);
    assert!(faults > 0 && figures.committed > 0, "nothing was tried out");
}
