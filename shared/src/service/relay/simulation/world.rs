//! What the processes of a run share, and how it goes wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::broker::Broker;
use super::database::Tables;
use super::history::History;
use super::planted::Bug;
use crate::simulation::Sim;

pub(super) struct World {
    pub(super) sim: Sim,
    /// The relays of this run have it.
    pub(super) bug: Option<Bug>,
    pub(super) window: usize,
    /// Whether the broker takes batches, and of how many events at most.
    pub(super) batches: bool,
    pub(super) most: usize,
    rates: Rates,
    calm: AtomicBool,
    tables: Mutex<Tables>,
    broker: Mutex<Broker>,
    history: Mutex<History>,
}

/// How often what goes wrong, in a hundred times. Each run has some of it and none of the rest.
pub(super) struct Rates {
    /// A statement is not carried out.
    pub(super) fails: u32,
    /// It is, but nobody hears of it.
    pub(super) in_doubt: u32,
    /// An answer of the database's takes seconds.
    pub(super) slow: u32,
    /// Anything takes milliseconds.
    pub(super) late: u32,
    /// An event is on its way for seconds.
    pub(super) very_late: u32,
    /// The broker stores it, and the acknowledgement is lost.
    pub(super) unheard: u32,
    /// The broker does not answer a question.
    pub(super) unanswered: u32,
    /// The transaction is rolled back.
    pub(super) rolled_back: u32,
    /// The transaction takes long to commit.
    pub(super) long: u32,
}

impl Rates {
    fn of(sim: &Sim) -> Self {
        let rate = |most| if sim.chance(50) { u32::try_from(sim.among(1..=most)).unwrap_or(0) } else { 0 };
        Self {
            fails: rate(10),
            in_doubt: rate(10),
            slow: rate(4),
            late: rate(60),
            very_late: rate(8),
            unheard: rate(15),
            unanswered: rate(15),
            rolled_back: rate(40),
            long: rate(40),
        }
    }

    const NONE: Self = Self {
        fails: 0,
        in_doubt: 0,
        slow: 0,
        late: 0,
        very_late: 0,
        unheard: 0,
        unanswered: 0,
        rolled_back: 0,
        long: 0,
    };
}

impl World {
    pub(super) fn new(sim: &Sim, bug: Option<Bug>) -> Arc<Self> {
        let batches = sim.chance(30);
        Arc::new(Self {
            sim: sim.clone(),
            bug,
            window: *sim.pick(if batches { &[4, 8, 16, 32] } else { &[2, 3, 4, 8] }),
            batches,
            most: *sim.pick(&[9, 100]),
            rates: Rates::of(sim),
            calm: AtomicBool::new(false),
            tables: Mutex::default(),
            broker: Mutex::new(Broker::new()),
            history: Mutex::default(),
        })
    }

    pub(super) fn rates(&self) -> &Rates {
        if self.is_calm() { &Rates::NONE } else { &self.rates }
    }

    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// From now on nothing goes wrong any more.
    pub(super) fn calm_down(&self) {
        self.sim.note(|| "nothing goes wrong any more".into());
        self.calm.store(true, Ordering::Relaxed);
        self.broker().recover();
        self.tables().recover();
    }

    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process: what it has of the world, until it dies.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) world: Arc<World>,
    life: Arc<Life>,
}

struct Life {
    /// Of all processes that there were.
    number: u64,
    state: Mutex<State>,
    /// It is awake again.
    changed: Notify,
    nudge: Notify,
}

pub(super) struct State {
    frozen: bool,
    /// It is asked to end, which one that is frozen cannot.
    ending: bool,
    /// Nobody tells the database that it is dead.
    pub(super) lingers: bool,
    pub(super) connected: bool,
    /// It can reach the broker.
    routed: bool,
    pub(super) connections: u64,
    /// How often it has made a stream again that was deleted.
    pub(super) repairs: u64,
    /// Streams that it believes to be there.
    pub(super) known: Vec<String>,
    /// What it sends arrives in order.
    pub(super) arrival: Instant,
    /// What it hears arrives in order, too.
    pub(super) heard: Instant,
    /// Until when it may publish, by its lease.
    pub(super) trusted: Option<Instant>,
    /// How many events are on their way.
    pub(super) on_their_way: usize,
    /// The highest row that it has read.
    pub(super) highest: i64,
    /// What it has sent.
    pub(super) sent: Vec<uuid::Uuid>,
}

impl Process {
    pub(super) fn new(world: &Arc<World>, number: u64) -> Self {
        let state = State {
            frozen: false,
            ending: false,
            lingers: false,
            connected: false,
            routed: true,
            connections: 0,
            repairs: 0,
            known: Vec::new(),
            arrival: Instant::now(),
            heard: Instant::now(),
            trusted: None,
            on_their_way: 0,
            highest: 0,
            sent: Vec::new(),
        };
        let life = Life { number, state: Mutex::new(state), changed: Notify::new(), nudge: Notify::new() };
        Self { world: Arc::clone(world), life: Arc::new(life) }
    }

    pub(super) fn number(&self) -> u64 {
        self.life.number
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.life.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        self.world.sim.note(|| format!("process {}: {}", self.life.number, line()));
    }

    pub(super) fn nudge(&self) {
        self.life.nudge.notify_one();
    }

    pub(super) async fn nudged(&self) {
        self.life.nudge.notified().await;
    }

    pub(super) fn freeze(&self) {
        let mut state = self.state();
        if !state.ending {
            state.frozen = true;
            self.note(|| "is frozen".into());
        }
    }

    pub(super) fn thaw(&self) {
        self.state().frozen = false;
        self.life.changed.notify_waiters();
    }

    /// It is asked to end, and is not frozen any more.
    pub(super) fn end(&self) {
        self.note(|| "is asked to end".into());
        self.state().ending = true;
        self.thaw();
    }

    /// Waits while it is frozen.
    pub(super) async fn awake(&self) {
        loop {
            let changed = self.life.changed.notified();
            if !self.state().frozen {
                return;
            }
            changed.await;
        }
    }

    /// Its connection to the broker ends.
    pub(super) fn cut(&self) {
        if std::mem::take(&mut self.state().connected) {
            self.note(|| "is disconnected".into());
        }
    }

    /// Whether it can reach the broker.
    pub(super) fn route(&self, routed: bool) {
        self.state().routed = routed;
    }

    pub(super) fn is_routed(&self) -> bool {
        self.state().routed
    }

    pub(super) fn connect(&self) -> u64 {
        let (connection, link) = {
            let mut state = self.state();
            state.connected = true;
            state.connections += 1;
            (state.connections, state.connections + state.repairs)
        };
        self.note(|| format!("has connection {connection}"));
        link
    }

    /// The number of its connection; 0 while there is none.
    pub(super) fn connection(&self) -> u64 {
        let state = self.state();
        if state.connected { state.connections } else { 0 }
    }

    /// Runs something that stands still while the process does.
    pub(super) async fn live<F: Future>(&self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        loop {
            self.awake().await;
            let until_frozen = std::future::poll_fn(|context| {
                if self.state().frozen {
                    return std::task::Poll::Ready(None);
                }
                work.as_mut().poll(context).map(Some)
            });
            if let Some(output) = until_frozen.await {
                return output;
            }
        }
    }

    /// Waits a moment, more or less.
    pub(super) async fn lag(&self) {
        let lag = self.lag_time();
        if !lag.is_zero() {
            tokio::time::sleep(lag).await;
        }
    }

    pub(super) fn lag_time(&self) -> Duration {
        let (sim, rates) = (&self.world.sim, self.world.rates());
        Duration::from_millis(match () {
            () if sim.chance(rates.slow) => sim.among(1_000..=4_000),
            () if sim.chance(rates.late) => sim.among(1..=8),
            () => 0,
        })
    }
}

/// How long it takes until nobody waits for an acknowledgement any longer.
pub(super) const ACKNOWLEDGED: Duration = Duration::from_secs(5);
