//! The relay over models of a database and a broker, with everything going wrong that can.

mod broker;
mod database;
mod flight;
mod history;
mod planted;
mod world;
mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::planted::Bug;
use self::world::{Process, World};
use super::{Counters, Setup};
use crate::config::Config;
use crate::service::retention::Retention;
use crate::simulation::{Promise, Sim, Simulation};

/// How long it may take until all is well, once nothing goes wrong any more: the lock of a dead process lingers, and
/// what nothing suggests is found out once a minute.
const SETTLED: Duration = Duration::from_secs(120);

/// How long a process may take to end when it is asked to.
const ENDED: Duration = Duration::from_secs(15);

/// The longest run, in simulated time.
const LIMIT: Duration = Duration::from_secs(600);

/// A process that runs a relay, and what ends it.
struct Running {
    process: Process,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(world: &Arc<World>, number: u64) -> Self {
        let process = Process::new(world, number);
        process.note(|| "starts".into());
        let setup = Setup {
            db: process.clone(),
            bus: process.clone(),
            window: world.window,
            retention: Duration::from_secs(7 * 24 * 3600),
            kept: Retention::new(&Config::embedded(), &[]).expect("nothing contradicts it"),
            counters: Arc::new(Counters::default()),
            clock: None,
        };
        let stop = CancellationToken::new();
        let (relay, stopped) = (process.clone(), stop.clone());
        let task = tokio::spawn(async move { relay.live(super::run(setup, stopped, None)).await });
        Self { process, stop, task }
    }
}

/// All processes, by their places.
struct Processes {
    world: Arc<World>,
    places: Mutex<Places>,
}

struct Places {
    /// All that there ever were: what a dead one has sent is under way still.
    all: Vec<Process>,
    running: Vec<Option<Running>>,
}

impl Processes {
    fn start(world: &Arc<World>, places: usize) -> Arc<Self> {
        let running = (0..places).map(|_| None).collect();
        let processes = Self { world: Arc::clone(world), places: Mutex::new(Places { all: Vec::new(), running }) };
        (0..places).for_each(|place| processes.start_at(place));
        Arc::new(processes)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_at(&self, place: usize) {
        let mut places = self.places();
        let running = Running::start(&self.world, places.all.len() as u64 + 1);
        places.all.push(running.process.clone());
        places.running[place] = Some(running);
    }

    fn take(&self, place: usize) -> Option<Running> {
        self.places().running[place].take()
    }

    fn all(&self) -> Vec<Process> {
        self.places().all.clone()
    }

    fn nudge(&self) {
        if let Some(running) = self.places().running.iter().flatten().next() {
            running.process.nudge();
        }
    }
}

/// One run.
async fn run(sim: Sim, bug: Option<Bug>) {
    let world = World::new(&sim, bug);
    if sim.chance(30) {
        world.broker().remember_for(Duration::from_millis(sim.among(0..=10_000)));
    }
    let processes = Processes::start(&world, if sim.chance(40) { 2 } else { 1 });
    let mut tasks = JoinSet::new();
    for _ in 0..sim.among(1..=3) {
        tasks.spawn(commit(Arc::clone(&world), Arc::clone(&processes)));
    }
    for _ in 0..sim.among(0..=2) {
        tasks.spawn(interfere(Arc::clone(&world), Arc::clone(&processes)));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a model does not panic");
    }
    world.calm_down();
    for process in processes.all() {
        process.route(true);
        process.thaw();
    }
    settle(&world, &processes).await;
    let places = processes.places().running.len();
    for place in 0..places {
        stop(&world, &processes, place).await;
    }
}

async fn settle(world: &Arc<World>, processes: &Processes) {
    let until = Instant::now() + SETTLED;
    processes.nudge();
    loop {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let is_settled = world.history().is_settled(world);
        if is_settled || world.sim.is_broken() {
            break;
        }
        if Instant::now() >= until {
            world.history().judge(world);
            break;
        }
    }
}

/// Some transactions, one after the other.
async fn commit(world: Arc<World>, processes: Arc<Processes>) {
    for _ in 0..world.sim.among(1..=5) {
        world.sim.pause(0..=700).await;
        writer::write(&world).await;
        processes.nudge();
    }
}

/// Asks a process to end, and waits for it.
async fn stop(world: &Arc<World>, processes: &Processes, place: usize) {
    let Some(running) = processes.take(place) else { return };
    running.process.end();
    running.stop.cancel();
    match tokio::time::timeout(ENDED, running.task).await {
        Ok(ended) => ended.expect("a relay does not panic"),
        Err(_) => world.sim.breaks(Promise::G8, format!("a process does not end in {ENDED:?}")),
    }
}

/// Lets some things go wrong, one after the other.
async fn interfere(world: Arc<World>, processes: Arc<Processes>) {
    let sim = &world.sim;
    for _ in 0..sim.among(1..=3) {
        sim.pause(0..=2_500).await;
        let place = usize::try_from(sim.among(0..=1)).unwrap_or(0) % processes.places().running.len();
        let process = processes.places().running[place].as_ref().map(|running| running.process.clone());
        match sim.among(0..=10) {
            0 | 1 => {
                let Some(running) = processes.take(place) else { continue };
                running.process.note(|| "dies".into());
                running.process.state().lingers = sim.chance(30);
                running.task.abort();
                let _it_is_gone = running.task.await;
                sim.pause(0..=3_000).await;
                processes.start_at(place);
            }
            2 => {
                stop(&world, &processes, place).await;
                sim.pause(0..=1_000).await;
                processes.start_at(place);
            }
            3 => {
                let Some(process) = process else { continue };
                process.freeze();
                sim.pause(100..=20_000).await;
                process.thaw();
                process.note(|| "goes on".into());
            }
            4 => {
                let Some(process) = process else { continue };
                process.route(false);
                process.cut();
                sim.pause(50..=3_000).await;
                process.route(true);
            }
            5 | 6 => crash_broker(&world, &processes).await,
            7 => {
                sim.note(|| "the broker's disk is full".into());
                world.broker().fill_disk(true);
                sim.pause(100..=6_000).await;
                world.broker().fill_disk(false);
                sim.note(|| "the broker's disk has room again".into());
            }
            8 => {
                let time = Duration::from_millis(sim.among(100..=8_000));
                sim.note(|| format!("the broker is frozen for {time:?}"));
                world.broker().freeze(time);
            }
            9 => {
                sim.note(|| "the database crashes".into());
                world.tables().crash();
                sim.pause(50..=3_000).await;
                sim.note(|| "the database is back".into());
                world.tables().recover();
            }
            _ if sim.chance(30) => delete_stream(&world, &processes).await,
            _ if sim.chance(50) => {
                sim.note(|| "the connection of the lock breaks".into());
                world.tables().break_lock();
            }
            _ => world.broker().write(),
        }
    }
}

/// It may lose what it has not written, or come back with an older copy, and others may publish before the relay does.
async fn crash_broker(world: &Arc<World>, processes: &Processes) {
    let sim = &world.sim;
    sim.note(|| "the broker crashes".into());
    world.broker().crash();
    processes.all().iter().for_each(Process::cut);
    if sim.chance(70) {
        let whole = sim.chance(40);
        let among = |from: i64, to: i64| {
            let range = u64::try_from(from).unwrap_or(0)..=u64::try_from(to).unwrap_or(0);
            i64::try_from(sim.among(range)).unwrap_or(0)
        };
        let lost = world.broker().lose(|written, last| among(if whole { 0 } else { written }, last));
        sim.note(|| format!("it has lost what was above {lost:?}"));
    }
    sim.pause(50..=3_000).await;
    world.broker().start();
    fill(world);
    sim.pause(0..=600).await;
    fill(world);
}

/// Others publish.
fn fill(world: &World) {
    if world.sim.chance(50) {
        let names = world.broker().names();
        for name in names {
            for _ in 0..world.sim.among(0..=5) {
                world.broker().store_of_others(&name);
            }
        }
    }
}

/// An operator deletes a stream, and perhaps somebody makes it again before the relay does. Not one that no relay has
/// looked at since it was made: it is looked at after its first event, and cannot be told from its successor until then.
async fn delete_stream(world: &Arc<World>, processes: &Processes) {
    let sim = &world.sim;
    let streams = world.broker().made();
    let is_known = |(name, created_ns): &&(String, i64)| world.tables().has_look(name, *created_ns);
    let Some((name, _)) = streams.iter().find(is_known) else { return };
    sim.note(|| format!("{name} is deleted"));
    world.broker().delete(name);
    world.history().deleted(name, processes.all().iter().map(Process::number));
    if sim.chance(50) {
        sim.pause(0..=2_000).await;
        let repairer = processes.all().last().cloned();
        if let Some(repairer) = repairer.filter(|_| sim.chance(50)) {
            repairer.state().repairs += 1;
        }
        sim.note(|| format!("{name} is made again"));
        world.broker().make(name);
        fill(world);
    }
}

fn simulation(test: &'static str) -> Simulation {
    Simulation::new(module_path!(), test, LIMIT)
}

#[test]
fn the_promises_hold() {
    simulation("the_promises_hold").holds(async |sim| run(sim, None).await);
}

#[test]
fn a_seed_gives_the_same_run_again() {
    simulation("a_seed_gives_the_same_run_again").repeats(async |sim| run(sim, None).await);
}

/// A test for each bug.
macro_rules! caught {
    ($($test:ident: $bug:ident breaks $promise:ident, $how:literal)*) => {$(
        #[test]
        fn $test() {
            let planted = async |sim| run(sim, Some(Bug::$bug)).await;
            simulation(stringify!($test)).catches_as(Promise::$promise, $how, planted);
        }
    )*};
}

caught! {
    what_was_sent_is_not_published: TrustsSending breaks G1, "is not published, and noted as such"
    a_gap_is_filled_later: SkipsGaps breaks G1, "is never published"
    a_gap_may_be_filled_when_nobody_looks_for_it: NeverLooksBack breaks G1, "is never published"
    what_is_not_committed_may_be_rolled_back: ReadsUncommitted breaks G1, "is published, and not committed"
    what_failed_is_tried_again: DropsFailed breaks G1, "is not published, and noted as such"
    what_was_acknowledged_may_be_lost: NoLedger breaks G2, "was lost by the broker"
    an_acknowledgement_may_be_of_a_broker_that_has_gone_back: BelievesEverything breaks G2, "was lost by the broker"
    an_event_keeps_its_id: NewIds breaks G3, "under another id"
    the_next_of_a_key_waits_for_the_one_before: Overtakes breaks G4, "which has the same key"
    who_has_lost_the_lease_stops: TrustsItself breaks G4, "after its lease has run out"
    an_acknowledgement_may_never_come: WaitsForEver breaks G6, "never noted as such"
    a_backlog_is_read_a_window_at_a_time: ReadsEverything breaks G9, "on their way at once"
}
