//! Many runs at once, and what is said of one that failed.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use super::{Broken, Promise, Sim, lock};

/// How many seeds are run, unless `SIMULATION_SEEDS` says another number.
const SEEDS: u64 = 20_000;

/// How many seeds are run twice, and compared.
const TWICE: u64 = 200;

/// For how long no run may end, in real time: a loop without an await holds up simulated time, too.
const STUCK: Duration = Duration::from_secs(300);

/// The runs of one test.
pub(crate) struct Simulation {
    module: &'static str,
    test: &'static str,
    /// The longest run, in simulated time.
    limit: Duration,
}

/// What one run has shown.
struct Outcome {
    broken: Vec<Broken>,
    trace: Vec<String>,
}

/// The environment's choice of seeds.
enum Chosen {
    One(u64),
    Many(u64),
}

impl Chosen {
    fn read() -> Self {
        let number = |name| {
            let text = std::env::var(name).ok()?;
            Some(text.parse().unwrap_or_else(|_| panic!("`{name}` is `{text}`; help: give it a number")))
        };
        number("SIMULATION_SEED").map_or_else(|| Self::Many(number("SIMULATION_SEEDS").unwrap_or(SEEDS)), Self::One)
    }

    fn range(&self) -> Range<u64> {
        match self {
            Self::One(seed) => *seed..*seed + 1,
            Self::Many(seeds) => 0..*seeds,
        }
    }
}

impl Simulation {
    /// `module_path!()`, the name of the test, and the simulated time after which a run hangs.
    pub(crate) const fn new(module: &'static str, test: &'static str, limit: Duration) -> Self {
        Self { module, test, limit }
    }

    /// Proves that no run breaks anything.
    ///
    /// # Panics
    /// When one does, with its seed, its trace, and the command that runs it again.
    pub(crate) fn holds(&self, scenario: impl AsyncFn(Sim) + Sync) {
        let chosen = Chosen::read();
        if let Chosen::One(seed) = chosen {
            let outcome = self.run(seed, true, &scenario);
            println!("{}", outcome.trace.join("\n"));
            assert!(outcome.broken.is_empty(), "{}", self.report(seed, &outcome));
            return;
        }
        if let Some(seed) = self.find(chosen.range(), &scenario, |broken| !broken.is_empty()) {
            panic!("{}", self.report(seed, &self.run(seed, true, &scenario)));
        }
    }

    /// Proves that the runs find a bug that was planted, because it breaks this promise.
    ///
    /// # Panics
    /// When none of them does.
    pub(crate) fn catches(&self, promise: Promise, scenario: impl AsyncFn(Sim) + Sync) {
        self.catches_as(promise, "", scenario);
    }

    /// The same for one whose breach is described by these words.
    ///
    /// # Panics
    /// When none of them does.
    pub(crate) fn catches_as(&self, promise: Promise, how: &str, scenario: impl AsyncFn(Sim) + Sync) {
        let range = match Chosen::read() {
            // it ends with the first that finds it, so fewer would only fail to
            Chosen::Many(seeds) => 0..seeds.max(SEEDS),
            one @ Chosen::One(_) => one.range(),
        };
        let seeds = range.end - range.start;
        let is_it = |broken: &Broken| broken.promise == Some(promise) && broken.how.contains(how);
        let is_caught = |broken: &[Broken]| broken.iter().any(is_it);
        match self.find(range, &scenario, is_caught) {
            Some(seed) => {
                let outcome = self.run(seed, true, &scenario);
                println!("caught: {}", self.report(seed, &outcome));
                assert!(is_caught(&outcome.broken), "seed {seed} gives two runs that differ");
            }
            None => panic!("none of {seeds} seeds finds what breaks {promise:?} in `{}` ({how})", self.test),
        }
    }

    /// Proves that a seed gives the same run again.
    ///
    /// # Panics
    /// When two runs differ, with the first difference.
    pub(crate) fn repeats(&self, scenario: impl AsyncFn(Sim) + Sync) {
        let differ = |seed| {
            let [one, other] = [self.run(seed, true, &scenario).trace, self.run(seed, true, &scenario).trace];
            let end = String::from("(the end)");
            let line = (0..one.len().max(other.len())).find(|line| one.get(*line) != other.get(*line))?;
            let [one, other] = [&one, &other].map(|lines| lines.get(line).unwrap_or(&end));
            Some(format!("seed {seed} gives two runs that differ in line {line}:\n{one}\n{other}"))
        };
        let range = Chosen::read().range();
        let range = range.start..range.end.min(range.start + TWICE);
        if let Some(difference) = range.into_iter().find_map(differ) {
            panic!("{difference}");
        }
    }

    /// A seed whose run is wanted, out of many.
    fn find(
        &self,
        seeds: Range<u64>,
        scenario: &(impl AsyncFn(Sim) + Sync),
        wanted: impl Fn(&[Broken]) -> bool + Sync,
    ) -> Option<u64> {
        let (next, stop, found) = (AtomicU64::new(seeds.start), AtomicBool::new(false), Mutex::new(None));
        let (ended, runs) = mpsc::channel();
        let work = |ended: mpsc::Sender<()>| {
            while !stop.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return;
                }
                if wanted(&self.run(seed, false, scenario).broken) {
                    stop.store(true, Ordering::Relaxed);
                    // the lowest, so that one who runs it all again meets the same one
                    let mut found = lock(&found);
                    *found = Some(found.map_or(seed, |other: u64| other.min(seed)));
                }
                let _nobody_watches_any_more = ended.send(());
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                let (work, ended) = (&work, ended.clone());
                scope.spawn(move || work(ended));
            }
            drop(ended);
            loop {
                match runs.recv_timeout(STUCK) {
                    Ok(()) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        let reached = next.load(Ordering::Relaxed);
                        eprintln!("`{}` does not come to an end: the last seed begun is {}", self.test, reached - 1);
                        // a thread that goes round in circles cannot be ended otherwise
                        std::process::abort();
                    }
                }
            }
        });
        found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// One run.
    fn run(&self, seed: u64, traced: bool, scenario: &impl AsyncFn(Sim)) -> Outcome {
        fastrand::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without I/O needs nothing of the system");
        let sim = {
            let _inside = runtime.enter();
            Sim::new(seed, traced)
        };
        let run = || runtime.block_on(async { tokio::time::timeout(self.limit, scenario(sim.clone())).await.is_ok() });
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(true) => {}
            Ok(false) => sim.breaks(Promise::G6, format!("it hangs: the run has not ended after {:?}", self.limit)),
            Err(panic) => {
                let how = format!("a panic: {}", message(&*panic));
                lock(&sim.inner.broken).push(Broken { promise: None, how });
            }
        }
        let broken = std::mem::take(&mut *lock(&sim.inner.broken));
        let trace = sim.inner.trace.as_ref().map(|trace| std::mem::take(&mut *lock(trace)));
        Outcome { broken, trace: trace.unwrap_or_default() }
    }

    fn report(&self, seed: u64, outcome: &Outcome) -> String {
        let Outcome { broken, trace } = outcome;
        let first = broken.first().map_or_else(|| String::from("nothing is broken this time"), Broken::to_string);
        let path = self.module.split_once("::").map_or(self.module, |(_, path)| path);
        format!(
            "seed {seed} breaks {first}\n{}\nseed {seed} breaks {first}\nhelp: run it again with\n  SIMULATION_SEED={seed} \
             cargo test -p shared --lib --all-features -- --exact --nocapture {path}::{}",
            trace.join("\n"),
            self.test
        )
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn simulation(test: &'static str) -> Simulation {
        Simulation::new(module_path!(), test, LIMIT)
    }

    fn caught(work: impl FnOnce()) -> String {
        let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should have failed");
        message(&*panic).to_owned()
    }

    /// Tasks that meet, and jitter of `fastrand`.
    async fn tasks(sim: Sim) {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..5 {
            let sim = sim.clone();
            tasks.spawn(async move {
                for _ in 0..5 {
                    sim.pause(0..=3).await;
                    sim.note(|| format!("task {task} has {}", fastrand::u8(..)));
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    #[test]
    fn a_seed_gives_the_same_run_again() {
        simulation("a_seed_gives_the_same_run_again").repeats(tasks);
        let runs = [1, 2].map(|seed| simulation("").run(seed, true, &tasks).trace);
        assert_eq!(runs[0].len(), 25);
        assert_ne!(runs[0], runs[1]);
    }

    #[test]
    fn runs_that_differ_are_noticed() {
        let runs = AtomicU64::new(0);
        let scenario = async |sim: Sim| sim.note(|| format!("run {}", runs.fetch_add(1, Ordering::Relaxed)));
        let text = caught(|| simulation("").repeats(scenario));
        assert!(text.contains("differ in line 0:\n    0.000 s  run 0\n    0.000 s  run 1"), "{text}");
    }

    /// Of all seeds, the one that breaks something is found and reported with all that is needed.
    #[test]
    fn what_is_broken_is_reported_with_its_seed_and_how_to_run_it_again() {
        let scenario = async |sim: Sim| {
            let number = sim.among(0..=99);
            sim.pause(1_500..=1_500).await;
            sim.note(|| format!("it is {number}"));
            if number == 7 {
                sim.breaks(Promise::G4, "it is the seventh");
            }
        };
        let simulation = simulation("the_test");
        let seed =
            simulation.find(0..20_000, &scenario, |broken| !broken.is_empty()).expect("one of many is the seventh");
        let report = simulation.report(seed, &simulation.run(seed, true, &scenario));
        for part in [
            format!("seed {seed} breaks G4: it is the seventh"),
            "1.500 s  it is 7".into(),
            format!("SIMULATION_SEED={seed} cargo test -p shared"),
            "--exact --nocapture simulation::run::tests::the_test".into(),
        ] {
            assert!(report.contains(&part), "{report}");
        }
    }

    #[test]
    fn a_hang_is_a_failure() {
        let scenario = async |_sim: Sim| Notify::new().notified().await;
        let broken = simulation("").run(1, false, &scenario).broken;
        let how = String::from("it hangs: the run has not ended after 60s");
        assert_eq!(broken, [Broken { promise: Some(Promise::G6), how }]);
        let circles = async |sim: Sim| {
            while !sim.chance(0) {
                tokio::task::yield_now().await;
            }
        };
        let broken = simulation("").run(1, false, &circles).broken;
        assert_eq!(broken, [Broken { promise: None, how: "a panic: the run goes round in circles".into() }]);
    }

    #[test]
    fn a_bug_that_is_not_found_is_a_failure() {
        let text = caught(|| simulation("the_test").catches(Promise::G1, async |sim| sim.breaks(Promise::G2, "other")));
        assert!(text.contains("finds what breaks G1 in `the_test`"), "{text}");
        simulation("the_test").catches(Promise::G2, async |sim| sim.breaks(Promise::G2, "other"));
    }
}
