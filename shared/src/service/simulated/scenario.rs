//! One run: processes that are started, troubled and stopped, and what has come of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::broker::{Broker, Later, ModelUpstream};
use super::bugs::{Bug, plant, planted};
use super::claims::ModelClaims;
use super::database::{Database, ModelStore};
use super::handler::Script;
use super::plan::{Fault, Plan};
use super::process::{Process, Task};
use super::world::World;
use crate::bus::subscription::Control;
use crate::bus::{self, Bus, Part, Route, Source};
use crate::event::Delivered;
use crate::service::breaker::Breaker;
use crate::service::claims::Post;
use crate::service::claims::keeper::Keeper;
use crate::service::dispatch::Stopping;
use crate::service::duty::Duty;
use crate::service::extract::States;
use crate::service::handle::{Subscription, Verdict};
use crate::service::pace::{self, Pace};
use crate::service::subscriber::{Spread, Subscriber, SubscriberSpec};
use crate::simulation::{Promise, Sim};

/// By then everything must be done, once nothing goes wrong any more.
const SETTLED: Duration = Duration::from_secs(150);

/// How much later than its grace a subscription may end: acknowledgements that wait for a client, and the last request.
const LATE: Duration = Duration::from_secs(2);

const SPEC: SubscriberSpec = SubscriberSpec::new("it", "it.>");

pub(super) async fn run(sim: Sim, bug: Option<Bug>) {
    plant(bug);
    let plan = Plan::draw(&sim);
    sim.note(|| format!("{plan:?}"));
    let world = Arc::new(World::new(sim, plan));
    let scenario = Arc::new(Scenario {
        broker: Broker::new(&world),
        database: Arc::new(Database::new(Arc::clone(&world))),
        slots: world.plan.processes_iter().map(|_| Mutex::new(None)).collect(),
        known: Mutex::default(),
        bus: Bus::local(),
        world,
    });
    scenario.run().await;
}

struct Scenario {
    world: Arc<World>,
    broker: Arc<Broker>,
    database: Arc<Database>,
    /// The processes that run, each in its place.
    slots: Vec<Mutex<Option<Running>>>,
    /// All that ever were.
    known: Mutex<Vec<Arc<Process>>>,
    bus: Bus,
}

/// A process that runs.
struct Running {
    subscription: Arc<Subscription<ModelStore>>,
    process: Arc<Process>,
    duties: JoinSet<usize>,
    keeper: JoinSet<()>,
    stop: CancellationToken,
    stop_keeper: CancellationToken,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Handles a dead letter again until it is done with.
async fn replay(subscription: &Subscription<ModelStore>, letter: Uuid, message: &Delivered) {
    let mut attempt = 1;
    while let Verdict::Again { pause, counts } = subscription.handle(message, attempt, Some(letter), None).await {
        attempt += u32::from(counts);
        tokio::time::sleep(pause).await;
    }
}

impl Plan {
    fn processes_iter(&self) -> std::ops::Range<usize> {
        0..self.processes
    }
}

impl Scenario {
    async fn run(self: Arc<Self>) {
        let mut servers = JoinSet::new();
        for consumer in &self.broker.consumers {
            let scenario = Arc::clone(&self);
            let processes = move |id: usize| lock(&scenario.known).get(id).cloned();
            servers.spawn(Arc::clone(consumer).serve(Arc::new(processes)));
        }
        let publishing = {
            let scenario = Arc::clone(&self);
            servers.spawn(async move {
                scenario.publish().await;
                std::future::pending().await
            })
        };
        (0..self.slots.len()).for_each(|slot| self.start(slot));
        let mut troubles = JoinSet::new();
        for (at, fault) in self.world.plan.faults.clone() {
            let scenario = Arc::clone(&self);
            troubles.spawn(async move {
                tokio::time::sleep(at).await;
                scenario.world.sim.note(|| format!("{fault:?}"));
                scenario.trouble(fault).await;
                scenario.world.sim.note(|| format!("{fault:?} is over"));
            });
        }
        while let Some(ended) = troubles.join_next().await {
            if let Err(error) = ended {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        self.settle().await;
        if self.world.sim.chance(15) {
            self.replay().await;
        }
        for slot in 0..self.slots.len() {
            self.stop(slot).await;
        }
        drop(publishing);
        servers.shutdown().await;
        if !self.world.sim.is_broken() {
            self.world.judge();
        }
    }

    async fn publish(&self) {
        for (event, planned) in self.world.plan.events.iter().enumerate() {
            let now = self.world.sim.elapsed();
            tokio::time::sleep(planned.at.saturating_sub(now)).await;
            self.world.published(event);
            self.broker.publish(event, planned.key);
            if planned.twice {
                self.broker.publish(event, planned.key);
            }
        }
    }

    async fn settle(&self) {
        let until = Instant::now() + SETTLED;
        loop {
            let (done, idle) = (self.world.is_done(), self.broker.is_idle());
            if done && idle {
                return;
            }
            if Instant::now() > until {
                let how = match (done, idle) {
                    (false, true) => return,
                    (false, false) => "events wait, and nothing goes on",
                    _ => "messages stay outstanding",
                };
                return self.world.sim.breaks(Promise::G6, how);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Brings dead letters back, as two who do not know of each other may.
    async fn replay(&self) {
        let subscriptions: Vec<_> =
            self.slots.iter().filter_map(|slot| lock(slot).as_ref().map(|it| Arc::clone(&it.subscription))).collect();
        self.world.operators.store(2, Ordering::Relaxed);
        for (letter, message) in self.database.letters() {
            let [one, other] = [(); 2].map(|()| self.world.sim.pick(&subscriptions));
            tokio::join!(replay(one, letter, &message), replay(other, letter, &message));
        }
    }

    fn start(&self, slot: usize) {
        let process = {
            let mut known = lock(&self.known);
            let process = Process::new(known.len());
            known.push(Arc::clone(&process));
            process
        };
        let plan = &self.world.plan;
        self.world.sim.note(|| format!("process {} starts", process.id));
        let (stop, stop_keeper) = (CancellationToken::new(), CancellationToken::new());
        let subscription = Arc::new(self.subscription(&process));
        let (mut duties, mut posts) = (JoinSet::new(), Vec::new());
        for (index, consumer) in self.broker.consumers.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or_default();
            let part = matches!(plan.spread, Spread::Partitions(_)).then(|| Part { index, of: plan.parts() });
            let route = Route {
                durable: "sim".into(),
                pattern: SPEC.pattern,
                domains: Vec::new(),
                capacity: plan.capacity * if planted(Bug::FetchedTooMuch) { 4 } else { 1 },
                ordered: plan.spread != Spread::Unordered,
                part,
            };
            let group = part.map(|part| (route.durable.clone(), part));
            let post = route.ordered.then(|| Post::new(route.consumer(), group));
            posts.extend(post.clone());
            let (consumer, ack_wait, of) = (Arc::clone(consumer), plan.ack_wait, Arc::clone(&process));
            let open = move || {
                let (receiver, mut pullers, pulling) = bus::nats::open(&route, ack_wait);
                let upstream = ModelUpstream { consumer: Arc::clone(&consumer), process: Arc::clone(&of) };
                pullers.spawn(Task::new(&of, pulling.puller(upstream).run()));
                bus::Subscription { receiver, control: Control::Nats(pullers) }
            };
            let source = Source::Model(Box::new(open));
            let duty = Duty { subscription: Arc::clone(&subscription), part, source, post, ack_wait };
            let stopping = Stopping { stop: stop.clone(), grace: plan.grace };
            duties.spawn(Task::new(&process, duty.run(stopping)));
        }
        let mut keeper = JoinSet::new();
        if !posts.is_empty() {
            let holder = Uuid::from_u128(process.id as u128 + 1);
            let (database, of) = (Arc::clone(&self.database), Arc::clone(&process));
            let claims = ModelClaims { database, process: of, holder, backend: None };
            keeper.spawn(Task::new(&process, Keeper::of(claims, holder, posts).run(stop_keeper.clone())));
        }
        *lock(&self.slots[slot]) = Some(Running { subscription, process, duties, keeper, stop, stop_keeper });
    }

    fn subscription(&self, process: &Arc<Process>) -> Subscription<ModelStore> {
        let plan = &self.world.plan;
        let mut retry = plan.retry;
        if planted(Bug::NeverParked) {
            retry.max = u32::MAX;
        }
        let concurrency = plan.concurrency * if planted(Bug::TooManyTasks) { 2 } else { 1 };
        let spec = SubscriberSpec { spread: plan.spread, transactional: plan.transactional, batch: plan.batch, ..SPEC }
            .retry(retry)
            .timeout(plan.timeout)
            .concurrency(concurrency);
        let (world, broker) = (Arc::clone(&self.world), Arc::clone(&self.broker));
        let handler = Arc::new(Script { world, broker });
        Subscription {
            durable: "sim".into(),
            subscriber: Subscriber { spec, events: &[], publishes: &[], check: |_| Ok(()), handler },
            db: ModelStore { database: Arc::clone(&self.database), process: Arc::clone(process) },
            bus: self.bus.clone(),
            states: Arc::new(States::default()),
            clock: None,
            breaker: Breaker::new(),
            pace: Pace::new(plan.batch.map_or(pace::MOST, |batch| batch.max)),
        }
    }

    async fn trouble(&self, fault: Fault) {
        let sim = &self.world.sim;
        match fault {
            Fault::Crash { process, midway, back } => {
                let before = self.process(process);
                if midway && let Some(before) = &before {
                    before.freeze_midway().await;
                }
                let Some(running) = lock(&self.slots[process]).take() else {
                    // asked to end meanwhile
                    return before.iter().for_each(|before| before.thaw());
                };
                self.crash(running).await;
                tokio::time::sleep(back).await;
                self.start(process);
            }
            Fault::Stop { process, back } => {
                if self.stop(process).await {
                    tokio::time::sleep(back).await;
                    self.start(process);
                }
            }
            Fault::Freeze { process, midway, lasts } => {
                let Some(process) = self.process(process) else { return };
                if midway {
                    process.freeze_midway().await;
                } else {
                    process.freeze();
                }
                tokio::time::sleep(lasts).await;
                // what had a deadline meanwhile has missed it
                self.world.allow_a_failure();
                process.thaw();
            }
            Fault::Cut { process, lasts } => {
                let Some(process) = self.process(process) else { return };
                process.cut(true);
                self.broker.cut(&process, sim.chance(50));
                tokio::time::sleep(lasts).await;
                self.broker.heal(&process);
                for later in process.cut(false) {
                    match later {
                        Later::Say(consumer, sequence, what) => consumer.hear(sequence, &what),
                        Later::Silent(_) => {}
                    }
                }
            }
            Fault::Down { lasts } => {
                self.world.take_refused();
                self.database.set_down(true);
                tokio::time::sleep(lasts).await;
                self.judge_pauses(lasts);
                self.database.set_down(false);
            }
            Fault::Hung { lasts } => {
                self.database.hang(Instant::now() + lasts);
                tokio::time::sleep(lasts).await;
                self.world.allow_a_failure();
            }
            Fault::Deleted => self.broker.delete(),
        }
    }

    /// One try at a time of each subscription, and each with a few tries at once.
    fn judge_pauses(&self, lasts: Duration) {
        let plan = &self.world.plan;
        let tries = plan.concurrency as f64 * 2.0 + 3.0 + lasts.as_secs_f64() / 0.75;
        let (tries, duties) = (tries.ceil() as u32 * 4, u32::try_from(plan.processes).unwrap_or(1) * plan.parts());
        let (refused, most) = (self.world.take_refused(), tries * duties);
        if refused > most {
            let how = format!("{refused} transactions were wanted in {lasts:?} without a database, and not {most}");
            self.world.sim.breaks(Promise::G9, how);
        }
    }

    fn process(&self, slot: usize) -> Option<Arc<Process>> {
        lock(&self.slots[slot]).as_ref().map(|running| Arc::clone(&running.process))
    }

    /// Drops everything of a process at once. The servers notice sooner or later.
    async fn crash(&self, mut running: Running) {
        let id = running.process.id;
        running.process.die();
        running.duties.shutdown().await;
        running.keeper.shutdown().await;
        let noticed = if self.world.sim.chance(70) { 0..=100 } else { 1_000..=20_000 };
        let (sim, database, broker) = (self.world.sim.clone(), Arc::clone(&self.database), Arc::clone(&self.broker));
        let noticing = async move {
            sim.pause(noticed).await;
            database.disconnect(id);
            broker.disconnect(id);
        };
        tokio::spawn(noticing);
    }

    /// Asks a process to end, and looks at how it does. Whether there was one.
    async fn stop(&self, slot: usize) -> bool {
        let Some(mut running) = lock(&self.slots[slot]).take() else { return false };
        let (world, process) = (&self.world, Arc::clone(&running.process));
        let asked = Instant::now();
        world.sim.note(|| format!("process {} is asked to end", process.id));
        running.stop.cancel();
        let ended = async { while running.duties.join_next().await.is_some() {} };
        let latest = world.plan.grace + LATE;
        // what stands still cannot end
        let patience = latest + Duration::from_secs(60);
        if tokio::time::timeout(patience, ended).await.is_err() {
            world.sim.breaks(Promise::G8, format!("process {} does not end", process.id));
            self.crash(running).await;
            return true;
        }
        self.judge_end(&process, asked.elapsed(), latest);
        running.stop_keeper.cancel();
        let released = async { while running.keeper.join_next().await.is_some() {} };
        let _as_far_as_it_goes = tokio::time::timeout(Duration::from_secs(5), released).await;
        running.keeper.shutdown().await;
        self.database.disconnect(process.id);
        self.broker.disconnect(process.id);
        true
    }

    fn judge_end(&self, process: &Process, took: Duration, latest: Duration) {
        let (world, id) = (&self.world, process.id);
        world.sim.note(|| format!("process {id} has ended after {took:?}"));
        if process.stood_still() {
            return;
        }
        if took > latest {
            world.sim.breaks(Promise::G8, format!("process {id} ended after {took:?}, and not within {latest:?}"));
        }
        let kept = self.broker.kept_by(id);
        if kept > 0 && !process.was_cut() && world.plan.losing == 0 {
            world.sim.breaks(Promise::G8, format!("process {id} has ended and keeps {kept} messages"));
        }
        let open = self.database.open_of(id);
        if open > 0 {
            world.sim.breaks(Promise::G7, format!("process {id} has ended and left {open} transactions open"));
        }
    }
}
