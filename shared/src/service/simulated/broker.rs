//! The server of a stream and its consumers, as nats-server 2.14 does it: what is delivered, in which order, again when,
//! and what becomes of acknowledgements.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::jetstream::AckKind;
use futures_util::Stream;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::bugs::{Bug, planted};
use super::process::Process;
use super::world::World;
use crate::bus::nats::{Broken, Coming, ConsumerState, Upstream};
use crate::bus::subscription::Reply;
use crate::error::{Error, Result};
use crate::event::{Delivered, Headers};
use crate::simulation::Promise;

pub(super) struct Broker {
    pub(super) consumers: Vec<Arc<Consumer>>,
}

pub(super) struct Consumer {
    world: Arc<World>,
    state: Mutex<State>,
    /// Something has come that may be delivered, or somebody who asks.
    changed: Notify,
}

struct State {
    stream: Vec<Delivered>,
    /// The position of the next message that was not delivered yet.
    next: u64,
    pending: BTreeMap<u64, Pending>,
    again: VecDeque<u64>,
    /// How often each was delivered.
    deliveries: BTreeMap<u64, u32>,
    /// The number of the last delivery.
    delivered: u64,
    requests: VecDeque<Request>,
    deleted: bool,
}

/// A message that is outstanding.
struct Pending {
    until: Instant,
    /// Whether it waits to be delivered again.
    again: bool,
    process: usize,
}

/// What somebody has asked for.
struct Request {
    process: usize,
    left: usize,
    until: Instant,
    answer: mpsc::UnboundedSender<Result<ModelMessage, Broken>>,
    /// Nothing of the answer arrives: the connection is broken, and the server does not know yet.
    vanishes: bool,
}

/// What a process could not say yet: an acknowledgement, or a request that must not end before.
pub(super) enum Later {
    Say(Arc<Consumer>, u64, AckKind),
    Silent(#[allow(dead_code)] mpsc::UnboundedSender<Result<ModelMessage, Broken>>),
}

pub(super) struct ModelMessage {
    consumer: Arc<Consumer>,
    process: Arc<Process>,
    sequence: u64,
    delivered: u64,
    deliveries: u32,
    message: Delivered,
}

impl Broker {
    pub(super) fn new(world: &Arc<World>) -> Arc<Self> {
        let consumers = (0..world.plan.parts()).map(|_| Consumer::new(world)).collect();
        Arc::new(Self { consumers })
    }

    pub(super) fn publish(&self, event: usize, key: Option<u8>) {
        let mut headers = Headers::new();
        headers.push("ce-type", "it");
        headers.push("ce-id", event.to_string());
        if let Some(key) = key {
            headers.push("ce-key", key.to_string());
        }
        for consumer in &self.consumers {
            let mut state = consumer.state();
            let origin = format!("IT:{}", state.stream.len() + 1);
            let payload = bytes::Bytes::from_static(b"{}");
            state.stream.push(Delivered { subject: "it.is".into(), headers: headers.clone(), payload, origin });
            drop(state);
            consumer.changed.notify_one();
        }
    }

    /// Whether nothing is to be delivered any more, and nothing outstanding.
    pub(super) fn is_idle(&self) -> bool {
        self.consumers.iter().all(|consumer| {
            let state = consumer.state();
            state.pending.is_empty() && state.next > state.stream.len() as u64
        })
    }

    /// How many messages a process has and neither finished nor given back.
    pub(super) fn kept_by(&self, process: usize) -> usize {
        let kept = |consumer: &Arc<Consumer>| {
            consumer.state().pending.values().filter(|pending| pending.process == process && !pending.again).count()
        };
        self.consumers.iter().map(kept).sum()
    }

    /// Acknowledges an event, whoever has it.
    pub(super) fn forget(&self, event: usize) {
        let id = event.to_string();
        for consumer in &self.consumers {
            let mut state = consumer.state();
            let positions = 1..=state.stream.len() as u64;
            let of_event = |position: &u64| state.stream[*position as usize - 1].headers.get("ce-id") == Some(&id);
            let positions: Vec<u64> = positions.filter(of_event).collect();
            positions.into_iter().for_each(|position| state.acknowledge(position));
        }
    }

    /// The connection of a process breaks. The server may not notice for a while.
    pub(super) fn cut(&self, process: &Process, noticed: bool) {
        for consumer in &self.consumers {
            let mut state = consumer.state();
            let (theirs, others): (Vec<Request>, Vec<Request>) =
                state.requests.drain(..).partition(|request| request.process == process.id);
            state.requests = others.into();
            for mut request in theirs {
                if noticed {
                    let _gone = request.answer.send(Err(Broken));
                } else {
                    process.say_later(Later::Silent(request.answer.clone()));
                    request.vanishes = true;
                    state.requests.push_back(request);
                }
            }
        }
    }

    /// The connection of a process is back: what it asked for before is answered from here on.
    pub(super) fn heal(&self, process: &Process) {
        for consumer in &self.consumers {
            let mut state = consumer.state();
            state
                .requests
                .iter_mut()
                .filter(|request| request.process == process.id)
                .for_each(|it| it.vanishes = false);
        }
    }

    /// A process is gone, and the server knows it.
    pub(super) fn disconnect(&self, process: usize) {
        for consumer in &self.consumers {
            consumer.state().requests.retain(|request| request.process != process);
        }
    }

    /// Somebody deletes the consumers.
    pub(super) fn delete(&self) {
        for consumer in &self.consumers {
            let mut state = consumer.state();
            state.deleted = true;
            for request in state.requests.drain(..) {
                let _gone = request.answer.send(Err(Broken));
            }
        }
    }
}

impl State {
    fn acknowledge(&mut self, sequence: u64) {
        if self.pending.remove(&sequence).is_some() {
            self.again.retain(|other| *other != sequence);
            self.deliveries.remove(&sequence);
        }
    }

    fn begin_anew(&mut self, next: u64) {
        self.next = next;
        self.pending.clear();
        self.again.clear();
        self.deliveries.clear();
        self.delivered = 0;
    }

    /// What is delivered next, if anything may be.
    fn take_next(&mut self, most: usize) -> Option<u64> {
        if let Some(sequence) = self.again.pop_front() {
            return Some(sequence);
        }
        (self.pending.len() < most && self.next <= self.stream.len() as u64).then(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

impl Consumer {
    fn new(world: &Arc<World>) -> Arc<Self> {
        let state = State {
            stream: Vec::new(),
            next: 1,
            pending: BTreeMap::new(),
            again: VecDeque::new(),
            deliveries: BTreeMap::new(),
            delivered: 0,
            requests: VecDeque::new(),
            deleted: false,
        };
        Arc::new(Self { world: Arc::clone(world), state: Mutex::new(state), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves those who ask.
    pub(super) async fn serve(self: Arc<Self>, processes: Arc<dyn Fn(usize) -> Option<Arc<Process>> + Send + Sync>) {
        loop {
            let next = self.turn(&*processes);
            let passed = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = passed => {}
            }
        }
    }

    /// Delivers what can be; returns when there is something to do again.
    fn turn(self: &Arc<Self>, processes: &(dyn Fn(usize) -> Option<Arc<Process>> + Send + Sync)) -> Option<Instant> {
        let now = Instant::now();
        let plan = &self.world.plan;
        let mut state = self.state();
        let state = &mut *state;
        for (sequence, pending) in &mut state.pending {
            if !pending.again && pending.until <= now {
                pending.again = true;
                state.again.push_back(*sequence);
            }
        }
        state.requests.retain(|request| request.until > now && !request.answer.is_closed());
        let most = plan.capacity * if planted(Bug::FetchedTooMuch) { 4 } else { 1 };
        while !state.requests.is_empty()
            && let Some(sequence) = state.take_next(most)
        {
            let Some(mut request) = state.requests.pop_front() else { break };
            state.delivered += 1;
            let deliveries = state.deliveries.entry(sequence).or_default();
            *deliveries += 1;
            if *deliveries > 1 && plan.calm {
                let how = format!("message {sequence} is delivered again although it is being worked on");
                self.world.sim.breaks(Promise::G3, how);
            }
            let (deliveries, process) = (*deliveries, request.process);
            state.pending.insert(sequence, Pending { until: now + plan.ack_wait, again: false, process });
            self.world.sim.note(|| format!("message {sequence} to process {process}, {deliveries} times"));
            if !request.vanishes
                && let Some(process) = processes(process)
            {
                let message = state.stream[sequence as usize - 1].clone();
                let (consumer, delivered) = (Arc::clone(self), state.delivered);
                let _gone = request.answer.send(Ok(ModelMessage {
                    consumer,
                    process,
                    sequence,
                    delivered,
                    deliveries,
                    message,
                }));
            }
            request.left -= 1;
            if request.left > 0 {
                state.requests.push_back(request);
            }
        }
        let waiting = state.pending.values().filter(|pending| !pending.again).map(|pending| pending.until);
        waiting.chain(state.requests.iter().map(|request| request.until)).min()
    }

    pub(super) fn hear(&self, sequence: u64, what: &AckKind) {
        let mut state = self.state();
        match what {
            AckKind::Ack => state.acknowledge(sequence),
            AckKind::Nak(_) => {
                if let Some(pending) = state.pending.get_mut(&sequence)
                    && !pending.again
                {
                    pending.again = true;
                    state.again.push_back(sequence);
                }
            }
            AckKind::Progress => {
                if let Some(pending) = state.pending.get_mut(&sequence) {
                    pending.until = Instant::now() + self.world.plan.ack_wait;
                }
            }
            _ => {}
        }
        drop(state);
        self.changed.notify_one();
    }
}

/// A consumer in the hands of a process.
pub(super) struct ModelUpstream {
    pub(super) consumer: Arc<Consumer>,
    pub(super) process: Arc<Process>,
}

pub(super) struct ModelBatch(mpsc::UnboundedReceiver<Result<ModelMessage, Broken>>);

impl Stream for ModelBatch {
    type Item = Result<ModelMessage, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

fn away() -> Error {
    Error::Unavailable { what: "the broker".into(), source: None }
}

impl Upstream for ModelUpstream {
    type Message = ModelMessage;
    type Batch = ModelBatch;

    async fn state(&self) -> Result<ConsumerState> {
        let sim = &self.consumer.world.sim;
        if sim.chance(10) {
            sim.pause(1..=20).await;
        }
        if self.process.is_cut() {
            sim.pause(1..=5_000).await;
            return Err(away());
        }
        let state = self.consumer.state();
        if state.deleted {
            return Err(away());
        }
        let outstanding = if planted(Bug::NotWaited) { 0 } else { state.pending.len() };
        Ok(ConsumerState { outstanding, delivered: state.delivered })
    }

    async fn request(&self, most: usize, expires: Duration) -> Result<ModelBatch, Broken> {
        let (answer, batch) = mpsc::unbounded_channel();
        let sim = &self.consumer.world.sim;
        if self.process.is_cut() {
            if sim.chance(50) {
                return Err(Broken);
            }
            self.process.say_later(Later::Silent(answer));
            return Ok(ModelBatch(batch));
        }
        let mut state = self.consumer.state();
        if state.deleted {
            let _gone = answer.send(Err(Broken));
        } else {
            let (process, until) = (self.process.id, Instant::now() + expires);
            state.requests.push_back(Request { process, left: most, until, answer, vanishes: false });
        }
        drop(state);
        self.consumer.changed.notify_one();
        Ok(ModelBatch(batch))
    }

    fn read(message: ModelMessage) -> Option<Coming> {
        let ModelMessage { consumer, process, sequence, delivered, deliveries, message } = message;
        if planted(Bug::AckedEarly) {
            consumer.hear(sequence, &AckKind::Ack);
        }
        let one = OneHeld::new(&consumer.world, process);
        let say = move |what: AckKind| one.say(&consumer, sequence, what);
        Some(Coming { sequence, delivered, deliveries, message, reply: Reply::Model(Box::new(say)) })
    }

    async fn reset(&self) -> bool {
        if !self.consumer.world.plan.resets || self.process.is_cut() {
            return false;
        }
        let mut state = self.consumer.state();
        let floor = state.pending.first_key_value().map_or(state.next, |(sequence, _)| *sequence);
        state.begin_anew(floor);
        drop(state);
        self.consumer.changed.notify_one();
        true
    }

    async fn repair(&self) -> Result<()> {
        if self.process.is_cut() {
            return Err(away());
        }
        let mut state = self.consumer.state();
        if state.deleted && !planted(Bug::StoppedPulling) {
            state.deleted = false;
            state.begin_anew(1);
        }
        Ok(())
    }
}

/// A message that a process has.
struct OneHeld(Arc<Process>);

impl OneHeld {
    fn new(world: &World, process: Arc<Process>) -> Self {
        let held = process.held.fetch_add(1, Ordering::Relaxed) + 1;
        // twice while a process takes over, for what comes without a place of its own then
        let most = world.plan.capacity * world.plan.parts() as usize * 2;
        if held > most {
            world.sim.breaks(Promise::G9, format!("process {} holds {held} messages, and not {most}", process.id));
        }
        Self(process)
    }

    /// Whether the client takes it.
    fn say(&self, consumer: &Arc<Consumer>, sequence: u64, what: AckKind) -> bool {
        let (process, sim) = (&self.0, &consumer.world.sim);
        let is_ignored = match what {
            AckKind::Progress => planted(Bug::HeartbeatMissing),
            AckKind::Nak(_) => planted(Bug::NothingGivenBack),
            _ => false,
        };
        if is_ignored || sim.chance(consumer.world.plan.losing) {
            return true;
        }
        if process.is_cut() {
            match sim.among(0..=9) {
                0 => return false,
                1..=5 => process.say_later(Later::Say(Arc::clone(consumer), sequence, what)),
                _ => {}
            }
            return true;
        }
        consumer.hear(sequence, &what);
        true
    }
}

impl Drop for OneHeld {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}
