//! Times and counts instructions of several ways to do a thing, side by side.
//!
//! Every round times each case once, beginning with another one each time, so whatever else happens on the machine
//! happens to all of them. Where valgrind is installed, the program then runs itself under callgrind: a case `n` times
//! and `2n` times, which differ in `n` iterations and in nothing else. `BENCH_ONLY=<case> BENCH_N=<n>` is such a run,
//! and `BENCH_INSTRUCTIONS=no` leaves them out.

use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

/// Does the thing so many times.
type Work = Box<dyn FnMut(u64)>;

/// One way to do a thing.
pub struct Case {
    name: String,
    prepare: Box<dyn FnOnce() -> Work>,
}

impl Case {
    /// What `prepare` does is not measured; it returns what is, which does the thing as often as it is told.
    pub fn new<W: FnMut(u64) + 'static>(name: impl Into<String>, prepare: impl FnOnce() -> W + 'static) -> Self {
        Self { name: name.into(), prepare: Box::new(|| Box::new(prepare())) }
    }
}

const ROUNDS: usize = 51;

/// How long a case is timed in each round.
const ROUND: Duration = Duration::from_millis(4);

/// Measures the cases and prints a table in Markdown.
pub fn run(cases: Vec<Case>) {
    if let Ok(only) = env::var("BENCH_ONLY") {
        let times = env::var("BENCH_N").ok().and_then(|n| n.parse().ok()).expect("`BENCH_N` is a number");
        let case = cases.into_iter().find(|case| case.name == only).expect("`BENCH_ONLY` is the name of a case");
        return (case.prepare)()(times);
    }
    let mut running: Vec<Running> = cases.into_iter().map(Running::start).collect();
    for round in 0..ROUNDS {
        let first = round % running.len();
        let (before, from) = running.split_at_mut(first);
        for case in from.iter_mut().chain(before) {
            case.time();
        }
    }
    println!("| case | median | middle half | instructions |\n|---|---:|---:|---:|");
    for case in &mut running {
        case.samples.sort_by(f64::total_cmp);
        let at = |part: usize| shown(case.samples[(case.samples.len() - 1) * part / 4]);
        let instructions = instructions(&case.name, case.times).map_or("–".to_owned(), |count| format!("{count:.0}"));
        println!("| {} | {} | {} to {} | {instructions} |", case.name, at(2), at(1), at(3));
    }
}

struct Running {
    name: String,
    work: Work,
    times: u64,
    /// Nanoseconds for each time.
    samples: Vec<f64>,
}

impl Running {
    fn start(case: Case) -> Self {
        let mut work = (case.prepare)();
        let mut times = 1;
        loop {
            let begun = Instant::now();
            work(times);
            if begun.elapsed() >= ROUND {
                return Self { name: case.name, work, times, samples: Vec::new() };
            }
            times *= 2;
        }
    }

    fn time(&mut self) {
        let begun = Instant::now();
        (self.work)(self.times);
        self.samples.push(begun.elapsed().as_secs_f64() * 1e9 / self.times as f64);
    }
}

fn shown(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// Instructions for each time, as callgrind counts them.
fn instructions(case: &str, times: u64) -> Option<f64> {
    if env::var("BENCH_INSTRUCTIONS").is_ok_and(|wanted| wanted == "no") {
        return None;
    }
    let (once, twice) = (counted(case, times)?, counted(case, 2 * times)?);
    Some((twice - once) / times as f64)
}

fn counted(case: &str, times: u64) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .env("BENCH_ONLY", case)
        .env("BENCH_N", times.to_string())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "callgrind fails on `{case}`:\n{said}");
    said.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok())
}
