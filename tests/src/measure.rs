//! Times and counts instructions of several ways to do a thing, side by side.
//!
//! Every round times each case once, in an order of its own, so whatever else happens on the machine happens to all of
//! them, and none always comes after the same other one. Where valgrind is installed, the program then runs itself under callgrind: a case `n` times
//! and `2n` times, which differ in `n` iterations and in nothing else. `BENCH_ONLY=<case> BENCH_N=<n>` is such a run,
//! and `BENCH_INSTRUCTIONS=no` leaves them out.

use std::ops::RangeInclusive;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

/// Does the thing so many times.
type Work = Box<dyn FnMut(u64)>;

/// One way to do a thing.
pub struct Case {
    name: String,
    prepare: Box<dyn FnOnce() -> Work>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Case {
    /// What `prepare` does is not measured; it returns what is, which does the thing as often as it is told.
    pub fn new<W: FnMut(u64) + 'static>(name: impl Into<String>, prepare: impl FnOnce() -> W + 'static) -> Self {
        Self { name: name.into(), prepare: Box::new(|| Box::new(prepare())) }
    }
}

/// How often each case is timed: as often as fits into the time for all rounds.
const ROUNDS: RangeInclusive<usize> = 15..=301;
const ALL_ROUNDS: Duration = Duration::from_secs(12);

/// How long a case is timed in each round, at least.
const ROUND: Duration = Duration::from_millis(2);

/// How long a case would take in the first run under callgrind, which is some fifty times as slow.
const COUNTED: Duration = Duration::from_millis(40);

/// How to measure, and what to print.
#[derive(Debug, Default)]
pub struct Table {
    title: Option<String>,
    allocations: Option<fn() -> u64>,
    environment: Vec<(String, String)>,
}

/// Measures the cases and prints a table in Markdown.
pub fn run(cases: Vec<Case>) {
    Table::default().run(cases);
}

impl Table {
    /// A table with a title, in which every case is compared with the first one.
    #[must_use]
    pub fn comparing(title: impl Into<String>) -> Self {
        Self { title: Some(title.into()), ..Self::default() }
    }

    /// Counts allocations, too: a function that says how many this program has made.
    #[must_use]
    pub fn allocations(self, made: fn() -> u64) -> Self {
        Self { allocations: Some(made), ..self }
    }

    /// A variable for the runs under callgrind.
    #[must_use]
    pub fn environment(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Measures the cases and prints the table. In a run under callgrind, runs one of them, if it is one of these.
    ///
    /// # Panics
    /// When a case does, and when callgrind fails.
    pub fn run(&self, cases: Vec<Case>) {
        if let Ok(only) = env::var("BENCH_ONLY") {
            let times = env::var("BENCH_N").ok().and_then(|n| n.parse().ok()).expect("`BENCH_N` is a number");
            if let Some(case) = cases.into_iter().find(|case| self.full_name(&case.name) == only) {
                (case.prepare)()(times);
            }
            return;
        }
        let mut running: Vec<Running> = cases.into_iter().map(Running::start).collect();
        let round: f64 = running.iter().map(Running::round).sum();
        let rounds = ((ALL_ROUNDS.as_secs_f64() / round) as usize).clamp(*ROUNDS.start(), *ROUNDS.end());
        let mut order: Vec<usize> = (0..running.len()).collect();
        for _ in 0..rounds {
            fastrand::shuffle(&mut order);
            for &case in &order {
                running[case].time();
            }
        }
        self.print(&mut running);
    }

    fn full_name(&self, case: &str) -> String {
        self.title.as_ref().map_or_else(|| case.to_owned(), |title| format!("{title}: {case}"))
    }

    fn print(&self, running: &mut [Running]) {
        let mut columns = vec!["case", "median", "middle half"];
        if self.title.is_some() {
            columns = vec!["case", "median", "ratio", "middle half", "computed", "ratio"];
        }
        columns.push("instructions");
        columns.extend(self.title.as_ref().map(|_| "ratio"));
        columns.extend(self.allocations.map(|_| "allocations"));
        if let Some(title) = &self.title {
            println!("\n{title}\n");
        }
        println!("| {} |\n|---|{}", columns.join(" | "), "---:|".repeat(columns.len() - 1));
        let Some(first) = running.first() else { return };
        let (base, base_computed, mut base_instructions) = (first.samples.clone(), first.computed.clone(), None);
        for case in running {
            let at = |part: usize| shown(quarter(&case.samples, part));
            let mut cells = vec![case.name.clone(), at(2)];
            if self.title.is_some() {
                cells.push(ratio(&case.samples, &base));
            }
            cells.push(format!("{} to {}", at(1), at(3)));
            if self.title.is_some() {
                cells.push(shown(quarter(&case.computed, 2)));
                cells.push(ratio(&case.computed, &base_computed));
            }
            let instructions = self.instructions(&case.name, case.enough());
            let base = *base_instructions.get_or_insert(instructions);
            cells.push(instructions.map_or("–".to_owned(), |count| format!("{count:.0}")));
            if self.title.is_some() {
                let ratio = instructions.zip(base).map(|(this, base)| format!("{:.3}", this / base));
                cells.push(ratio.unwrap_or("–".to_owned()));
            }
            cells.extend(self.allocations.map(|made| case.allocations(made).to_string()));
            println!("| {} |", cells.join(" | "));
        }
    }

    /// Instructions for each time, as callgrind counts them.
    fn instructions(&self, case: &str, times: u64) -> Option<f64> {
        if env::var("BENCH_INSTRUCTIONS").is_ok_and(|wanted| wanted == "no") {
            return None;
        }
        let (once, twice) = (self.counted(case, times)?, self.counted(case, 2 * times)?);
        Some((twice - once) / times as f64)
    }

    fn counted(&self, case: &str, times: u64) -> Option<f64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(env::current_exe().ok()?)
            .env("BENCH_ONLY", self.full_name(case))
            .env("BENCH_N", times.to_string())
            .envs(self.environment.iter().map(|(variable, value)| (variable, value)))
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "callgrind fails on `{case}`:\n{said}");
        said.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok())
    }
}

struct Running {
    name: String,
    work: Work,
    times: u64,
    /// Nanoseconds for each time.
    samples: Vec<f64>,
    /// Nanoseconds that this process computed, for each time.
    computed: Vec<f64>,
    /// How long it took once, in seconds.
    once: f64,
}

impl Running {
    fn start(case: Case) -> Self {
        let mut work = (case.prepare)();
        let mut times = 1;
        loop {
            let begun = Instant::now();
            work(times);
            let took = begun.elapsed();
            if took >= ROUND {
                let once = took.as_secs_f64() / times as f64;
                return Self { name: case.name, work, times, samples: Vec::new(), computed: Vec::new(), once };
            }
            times *= 2;
        }
    }

    /// How long a round takes, in seconds.
    fn round(&self) -> f64 {
        self.once * self.times as f64
    }

    /// How many times are enough to count instructions: what happens now and then hardly counts.
    fn enough(&self) -> u64 {
        self.times.max((COUNTED.as_secs_f64() / self.once) as u64)
    }

    fn time(&mut self) {
        let (computed, begun) = (computed(), Instant::now());
        (self.work)(self.times);
        let took = begun.elapsed();
        self.samples.push(took.as_secs_f64() * 1e9 / self.times as f64);
        self.computed.push((self::computed() - computed) / self.times as f64);
    }

    /// How many allocations it makes each time. Whatever happens now and then (a map that grows) is in the rest that the
    /// division leaves.
    fn allocations(&mut self, made: fn() -> u64) -> u64 {
        let before = made();
        (self.work)(self.times);
        (made() - before) / self.times
    }
}

/// Nanoseconds that all threads of this process have computed, where the system says so. Unlike the clock's time they do
/// not grow while others use the processors.
fn computed() -> f64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return 0.0 };
    let of_thread = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    threads.filter_map(|thread| of_thread(thread.ok()?)).sum()
}

/// The median (2), or another quarter.
fn quarter(samples: &[f64], part: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * part / 4]
}

/// The median of the ratios within each round.
fn ratio(samples: &[f64], base: &[f64]) -> String {
    let ratios: Vec<f64> = samples.iter().zip(base).map(|(this, base)| this / base).collect();
    format!("{:.3}", quarter(&ratios, 2))
}

fn shown(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}
