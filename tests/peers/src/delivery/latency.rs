//! From the commit of an event to the end of its handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use shared::prelude::*;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::contest::{progress, quarter, values};
use super::options::Options;
use super::place::{Place, fresh};
use super::vocabulary::{Measurement, NewMeasurement, VitalsMeasured};

/// Events that make everything warm.
const FIRST: usize = 200;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Who writes.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// So many writers, each as fast as it can.
    Writers(usize),
    /// One every ten milliseconds.
    Steady,
}

const LOADS: [(&str, Load, usize); 3] = [
    ("1 writer", Load::Writers(1), 3_000),
    ("8 writers", Load::Writers(8), 8_000),
    ("100 events/s", Load::Steady, 1_000),
];

/// In milliseconds, at 100 events/s.
const GOALS: [(&str, f64); 2] = [("p50", 2.0), ("p99", 6.0)];

/// The times of a run's events.
#[derive(Clone)]
struct Run(Arc<Times>);

struct Times {
    zero: Instant,
    /// Nanoseconds: when the writer knew of the commit, when the handler was called, when its transaction was committed.
    events: Vec<[AtomicU64; 3]>,
    left: AtomicUsize,
    ended: Notify,
}

impl Run {
    fn new(events: usize) -> Self {
        let events: Vec<_> = (0..events).map(|_| [const { AtomicU64::new(0) }; 3]).collect();
        let left = AtomicUsize::new(events.len());
        Self(Arc::new(Times { zero: Instant::now(), events, left, ended: Notify::new() }))
    }

    fn note(&self, event: usize, step: usize) {
        let now = u64::try_from(self.0.zero.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.events[event][step].store(now, Ordering::SeqCst);
        if step == 2 && self.0.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_one();
        }
    }

    async fn ended(&self) {
        let ended = tokio::time::timeout(PATIENCE, self.0.ended.notified()).await;
        assert!(ended.is_ok(), "{} events were not handled", self.0.left.load(Ordering::SeqCst));
    }

    /// Milliseconds from the commit to a later step, sorted. A handler that was faster than the writer's task took none.
    fn latencies(&self, step: usize) -> Vec<f64> {
        let took = |times: &[AtomicU64; 3]| {
            let at = |step: usize| times[step].load(Ordering::SeqCst);
            at(step).saturating_sub(at(0)) as f64 / 1e6
        };
        let mut latencies: Vec<f64> = self.0.events[FIRST..].iter().map(took).collect();
        latencies.sort_by(f64::total_cmp);
        latencies
    }
}

#[subscribe("vitals.measured", concurrency = 32)]
async fn keep(event: VitalsMeasured, tx: &mut Tx, State(run): State<Run>) -> Result<()> {
    let number = event.number as usize;
    run.note(number, 1);
    tx.repo::<Measurement>().create(NewMeasurement::from(&event)).await?;
    tx.after_commit(move || run.note(number, 2));
    Ok(())
}

/// One event and one row.
async fn write(db: &Db, run: &Run, number: usize) {
    let event = VitalsMeasured::number(number);
    let written = db.transaction(async |tx| {
        tx.repo::<Measurement>().create(NewMeasurement::from(&event)).await?;
        tx.publish(&event).await
    });
    written.await.expect("a commit");
    run.note(number, 0);
}

/// What a run of one load shows.
struct Seen {
    rate: f64,
    /// Milliseconds to the end, then to the call of the handler.
    p50: [f64; 2],
    p99: [f64; 2],
}

pub async fn run(place: &mut Place, options: &Options) {
    if !options.wants("latency") {
        return;
    }
    let mut seen: [Vec<Seen>; 3] = [const { Vec::new() }; 3];
    let mut order = [0, 1, 2];
    for round in 0..options.rounds {
        fastrand::shuffle(&mut order);
        for load in order {
            progress(&format!("latency: round {} of {}, {}", round + 1, options.rounds, LOADS[load].0));
            seen[load].push(measured(place, LOADS[load].1, options.events.unwrap_or(LOADS[load].2)).await);
        }
    }
    progress("");
    println!(
        "\nfrom a transaction with one row through the outbox to a handler with one row; {} rounds\n",
        options.rounds
    );
    println!(
        "| load | events/s | middle half | commit to handled p50 | middle half | p99 | middle half | to the call p50 | p99 |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for ((name, ..), seen) in LOADS.iter().zip(&seen) {
        let of = |value: &dyn Fn(&Seen) -> f64| values(seen, value);
        let (rate, p50, p99) = (of(&|seen| seen.rate), of(&|seen| seen.p50[0]), of(&|seen| seen.p99[0]));
        let half = |values: &[f64]| format!("{:.2} to {:.2}", quarter(values, 1), quarter(values, 3));
        println!(
            "| {name} | {:.0} | {:.0} to {:.0} | {:.2} ms | {} | {:.2} ms | {} | {:.2} ms | {:.2} ms |",
            quarter(&rate, 2),
            quarter(&rate, 1),
            quarter(&rate, 3),
            quarter(&p50, 2),
            half(&p50),
            quarter(&p99, 2),
            half(&p99),
            quarter(&of(&|seen| seen.p50[1]), 2),
            quarter(&of(&|seen| seen.p99[1]), 2),
        );
    }
    println!();
    for (part, (name, at_most)) in GOALS.iter().enumerate() {
        let is = quarter(&values(&seen[2], |seen| if part == 0 { seen.p50[0] } else { seen.p99[0] }), 2);
        let met = if is <= *at_most { "met" } else { "MISSED" };
        println!("goal: {name} at 100 events/s at most {at_most} ms: {is:.2} ms, {met}");
    }
}

async fn measured(place: &mut Place, load: Load, events: usize) -> Seen {
    place.clear_stream().await;
    place.renew_database().await;
    let run = Run::new(FIRST + events);
    let service = Service::new(fresh("ward")).entities(entities![Measurement]).subscribe(subscribers![keep]);
    let running = shared::service::start(&place.config(), [service.state(run.clone())]).await.expect("it starts");
    let db = running.db().clone();
    for number in 0..FIRST {
        write(&db, &run, number).await;
    }
    let warm = async {
        while run.0.left.load(Ordering::SeqCst) > events {
            tokio::time::sleep(Duration::from_millis(5)).await
        }
    };
    tokio::time::timeout(PATIENCE, warm).await.expect("the first ones are handled");
    let begun = Instant::now();
    match load {
        Load::Writers(writers) => {
            let next = Arc::new(AtomicUsize::new(FIRST));
            let writer = || {
                let (db, run, next) = (db.clone(), run.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= FIRST + events {
                            return;
                        }
                        write(&db, &run, number).await;
                    }
                })
            };
            let writers: Vec<_> = (0..writers).map(|_| writer()).collect();
            for writer in writers {
                writer.await.expect("it ends");
            }
        }
        Load::Steady => {
            let mut due = tokio::time::interval(Duration::from_millis(10));
            due.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for number in FIRST..FIRST + events {
                due.tick().await;
                write(&db, &run, number).await;
            }
        }
    }
    run.ended().await;
    let rate = events as f64 / begun.elapsed().as_secs_f64();
    running.shutdown().await.expect("it ends");
    let (handled, called) = (run.latencies(2), run.latencies(1));
    let percentile = |part: usize| [&handled, &called].map(|sorted| sorted[(sorted.len() - 1) * part / 100]);
    Seen { rate, p50: percentile(50), p99: percentile(99) }
}
