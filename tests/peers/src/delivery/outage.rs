//! The memory that is held while the broker is away and writers go on.

use std::fs;
use std::time::{Duration, Instant};

use shared::prelude::*;
use tokio::task::JoinSet;

use super::contest::progress;
use super::options::Options;
use super::place::{Place, fresh};
use super::vocabulary::{Measurement, NewMeasurement, VitalsMeasured};

const WRITERS: usize = 8;
/// Between two events of a writer.
const PAUSE: Duration = Duration::from_millis(20);
/// Before the broker goes away, until everything is as it stays.
const BEFORE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(5);
/// What the second quarter and the last one may differ in, in MiB.
const FLAT: f64 = 4.0;

#[subscribe("vitals.measured", concurrency = 32)]
async fn keep(event: VitalsMeasured, tx: &mut Tx) -> Result<()> {
    tx.repo::<Measurement>().create(NewMeasurement::from(&event)).await?;
    Ok(())
}

pub async fn run(place: &mut Place, options: &Options) {
    if !options.wants("outage") {
        return;
    }
    place.clear_stream().await;
    place.renew_database().await;
    let service = Service::new(fresh("ward")).entities(entities![Measurement]).subscribe(subscribers![keep]);
    let running = shared::service::start(&place.config(), [service]).await.expect("it starts");
    let db = running.db().clone();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let db = db.clone();
        writers.spawn(async move {
            for number in (writer..).step_by(WRITERS) {
                let event = VitalsMeasured::number(number);
                let written = db.transaction(async |tx| {
                    tx.repo::<Measurement>().create(NewMeasurement::from(&event)).await?;
                    tx.publish(&event).await
                });
                written.await.expect("a commit");
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    tokio::time::sleep(BEFORE).await;
    let start = resident();
    place.broker().kill();
    let (begun, away) = (Instant::now(), Duration::from_secs(60 * options.outage_minutes));
    let mut samples = Vec::new();
    while begun.elapsed() < away {
        tokio::time::sleep(LOOK).await;
        samples.push((begun.elapsed().as_secs_f64() / 60.0, resident()));
        let waiting = db.outbox().pending().await.expect("it can be read");
        progress(&format!("outage: {} of {} s, {waiting} events wait", begun.elapsed().as_secs(), away.as_secs()));
    }
    let waiting = db.outbox().pending().await.expect("it can be read");
    writers.shutdown().await;
    place.broker().restart().await;
    let back = Instant::now();
    while db.outbox().pending().await.expect("it can be read") > 0 {
        assert!(back.elapsed() < Duration::from_secs(600), "the outbox is not drained");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let drained = back.elapsed();
    let after = resident();
    running.shutdown().await.expect("it ends");
    progress("");
    let peak = samples.iter().map(|(_, mib)| *mib).fold(start, f64::max);
    let quarter = |part: usize| {
        let part = &samples[samples.len() * part / 4..samples.len() * (part + 1) / 4];
        part.iter().map(|(_, mib)| mib).sum::<f64>() / part.len() as f64
    };
    let (second, last) = (quarter(1), quarter(3));
    println!("\nmemory while the broker is away for {} minutes and {WRITERS} writers go on\n", options.outage_minutes);
    println!(
        "| before | peak | peak less before | second quarter | last quarter | slope | events that waited | drained in | after |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    println!(
        "| {start:.1} MiB | {peak:.1} MiB | {:.1} MiB | {second:.1} MiB | {last:.1} MiB | {:.0} KiB/min | {waiting} | {:.1} s | {after:.1} MiB |",
        peak - start,
        slope(&samples[samples.len() / 4..]) * 1024.0,
        drained.as_secs_f64(),
    );
    let met = if last - second <= FLAT { "met" } else { "MISSED" };
    println!("\ngoal: at most {FLAT} MiB more in the last quarter than in the second: {:.1} MiB, {met}", last - second);
}

/// MiB that this process has in memory.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux says how much memory a process has");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the line is there");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of kB") / 1024.0
}

/// Of the line that fits best.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let mean = |value: &dyn Fn(&(f64, f64)) -> f64| samples.iter().map(value).sum::<f64>() / samples.len() as f64;
    let (x, y) = (mean(&|sample| sample.0), mean(&|sample| sample.1));
    let covariance = mean(&|sample| (sample.0 - x) * (sample.1 - y));
    covariance / mean(&|sample| (sample.0 - x).powi(2))
}
