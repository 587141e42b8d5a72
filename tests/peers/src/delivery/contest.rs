//! Several ways to do a thing, in rounds.

use std::env;
use std::io::{IsTerminal as _, Write as _};
use std::process::Command;

use super::meter::Sample;
use super::options::Options;
use super::place::Place;
use crate::allocator;

/// What is asked of a way.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    pub way: usize,
    /// The way that it is compared with.
    pub base: usize,
    /// So many times as fast.
    pub at_least: f64,
}

/// Ways to do a thing.
#[allow(async_fn_in_trait)] // of this program alone
pub trait Contest {
    /// What it is chosen by.
    const WORD: &'static str;
    const TITLE: &'static str;
    const WAYS: &'static [&'static str];
    const GOALS: &'static [Goal];
    /// Events in a round.
    const EVENTS: usize;
    /// Events in a run that counts instructions.
    const COUNTED: usize;

    /// What is on the servers before a run.
    async fn before(&mut self, place: &mut Place, way: usize, events: usize);

    /// What is in this program before a run; nothing of it is measured.
    async fn ready(&mut self, place: &Place, way: usize, events: usize);

    /// Does it with so many events.
    async fn run(&mut self, place: &Place, way: usize, events: usize) -> Sample;
}

/// Says to a program which way to run, how many events to be ready for and how many to do it with.
const COUNTED: &str = "PEERS_COUNTED";

/// Whether this program was started to count the instructions of one way.
pub fn counts() -> bool {
    env::var(COUNTED).is_ok()
}

/// Runs the way that is counted, if it is one of these.
pub async fn run_counted<C: Contest>(mut contest: C) {
    let asked = env::var(COUNTED).unwrap_or_default();
    let mut words = asked.split(' ');
    if words.next() != Some(C::WORD) {
        return;
    }
    let mut number = || words.next().and_then(|word| word.parse().ok()).expect("three numbers");
    let (way, ready, events) = (number(), number(), number());
    let place = Place::given();
    contest.ready(&place, way, ready).await;
    contest.run(&place, way, events).await;
}

/// Measures the ways and prints a table in Markdown.
pub async fn run<C: Contest>(mut contest: C, place: &mut Place, options: &Options) {
    if !options.wants(C::WORD) {
        return;
    }
    let events = options.events.unwrap_or(C::EVENTS);
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); C::WAYS.len()];
    let mut order: Vec<usize> = (0..C::WAYS.len()).collect();
    let mut made = vec![0.0; C::WAYS.len()];
    // of the first one, in which everything is new, only the allocations are kept: counting them takes time
    for round in 0..=options.rounds {
        allocator::count(round == 0);
        fastrand::shuffle(&mut order);
        for &way in &order {
            progress(&format!("{}: round {round} of {}, {}", C::WORD, options.rounds, C::WAYS[way]));
            contest.before(place, way, events).await;
            contest.ready(place, way, events).await;
            let sample = contest.run(place, way, events).await;
            if round == 0 {
                made[way] = sample.allocations;
            } else {
                samples[way].push(sample);
            }
        }
    }
    let mut instructions = vec![None; C::WAYS.len()];
    if options.instructions {
        for (way, counted) in instructions.iter_mut().enumerate() {
            progress(&format!("{}: instructions, {}", C::WORD, C::WAYS[way]));
            *counted = instructions_of(&mut contest, place, way).await;
        }
    }
    progress("");
    print::<C>(&samples, &made, &instructions, events);
}

/// Instructions for each event: what twice as many take more.
async fn instructions_of<C: Contest>(contest: &mut C, place: &mut Place, way: usize) -> Option<f64> {
    let mut counted = Vec::new();
    for events in [C::COUNTED, 2 * C::COUNTED] {
        contest.before(place, way, events).await;
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(env::current_exe().ok()?)
            .args(["delivery", C::WORD])
            .env(COUNTED, format!("{} {way} {} {events}", C::WORD, 2 * C::COUNTED))
            .envs(place.variables())
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "callgrind fails on `{}`:\n{said}", C::WAYS[way]);
        counted.push(said.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse::<f64>().ok())?);
    }
    Some((counted[1] - counted[0]) / C::COUNTED as f64)
}

/// One line that is written over, on a terminal.
pub fn progress(text: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _nobody_looks = write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush());
    }
}

fn print<C: Contest>(samples: &[Vec<Sample>], made: &[f64], instructions: &[Option<f64>], events: usize) {
    println!("\n{}; {} events in each of {} rounds\n", C::TITLE, events, samples[0].len());
    println!("| way | events/s | middle half | ratio | computed/event | ratio | allocations | instructions | ratio |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (way, name) in C::WAYS.iter().enumerate() {
        // without a goal of its own it is compared with the first one
        let base = C::GOALS.iter().find(|goal| goal.way == way).map_or(0, |goal| goal.base);
        let rates = values(&samples[way], |sample| sample.rate);
        let computed = values(&samples[way], |sample| sample.computed);
        let counted = instructions[way].map_or("–".to_owned(), |count| format!("{count:.0}"));
        let of_base = instructions[way].zip(instructions[base]).map(|(this, base)| format!("{:.2}", this / base));
        println!(
            "| {name} | {:.0} | {:.0} to {:.0} | {:.2} | {:.1} µs | {:.2} | {:.1} | {counted} | {} |",
            quarter(&rates, 2),
            quarter(&rates, 1),
            quarter(&rates, 3),
            ratio(&rates, &values(&samples[base], |sample| sample.rate)),
            quarter(&computed, 2) / 1e3,
            ratio(&computed, &values(&samples[base], |sample| sample.computed)),
            made[way],
            of_base.unwrap_or("–".to_owned()),
        );
    }
    println!();
    for Goal { way, base, at_least } in C::GOALS {
        let rates = |way: usize| values(&samples[way], |sample| sample.rate);
        let is = ratio(&rates(*way), &rates(*base));
        let met = if is >= *at_least { "met" } else { "MISSED" };
        println!("goal: {} at least {at_least} of {}: {is:.2}, {met}", C::WAYS[*way], C::WAYS[*base]);
    }
}

pub fn values<T>(samples: &[T], value: impl Fn(&T) -> f64) -> Vec<f64> {
    samples.iter().map(value).collect()
}

/// The median (2), or another quarter.
pub fn quarter(values: &[f64], part: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * part / 4]
}

/// The median of the ratios within each round.
fn ratio(values: &[f64], base: &[f64]) -> f64 {
    let ratios: Vec<f64> = values.iter().zip(base).map(|(this, base)| this / base).collect();
    quarter(&ratios, 2)
}
