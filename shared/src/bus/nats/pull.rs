//! Pulling messages: one task per consumer, which asks for no more than there are free places.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{Consumer, pull};
use futures_util::{FutureExt as _, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::Position;
use super::super::subscription::{Acker, Capacity, Delivery, Route};
use super::advisories;
use super::connections::Connections;
use super::repair::Origin;
use super::unavailable;
use super::upstream::{Coming, ConsumerState, OnNats, Upstream};
use crate::error::Result;
use crate::event::subject::covers;

/// How long the server holds a request for messages open.
const EXPIRES: Duration = Duration::from_secs(5);

/// How much later than that its answer may be. After it the request is taken for lost, with a connection, say.
const LATE: Duration = Duration::from_secs(2);

/// The most messages asked for at once.
const BATCH: usize = 256;

/// How long it takes at most to ask for messages that are outstanding, and to look again.
const ROUND: Duration = Duration::from_secs(1);

/// How long a request waits for more free places when most are taken: what is asked for one by one takes more of
/// everybody's time than the messages do.
const GATHERING: Duration = Duration::from_millis(2);

/// When nothing has come for that long, what the server had sent is here.
const QUIET: Duration = Duration::from_millis(100);

/// A subscription's consumers on the server, one for each domain.
pub(crate) struct Consumers {
    context: Context,
    connections: Connections,
    /// Each with how to make it again.
    consumers: Vec<(Consumer<pull::Config>, Origin)>,
    route: Route,
    ack_wait: Duration,
}

/// The tasks that pull; they end when stopped or dropped.
pub(crate) struct Pullers {
    tasks: JoinSet<()>,
    stop: CancellationToken,
    paused: watch::Sender<bool>,
}

/// Asks the server after a subscription's consumers.
#[derive(Clone)]
pub(crate) struct ConsumerProbe {
    pattern: &'static str,
    consumers: Vec<Consumer<pull::Config>>,
}

impl ConsumerProbe {
    /// How many messages wait. The server counts a new message a moment after it has acknowledged it, so the
    /// positions of what was published are compared as well.
    pub(crate) async fn open(&self, published: &[Position]) -> Result<u64> {
        let mut open = 0;
        for consumer in &self.consumers {
            let info = consumer.get_info().await.map_err(|_| unavailable("a consumer cannot be read"))?;
            open += info.num_pending + u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX);
            let behind = published.iter().any(|position| {
                position.stream == info.stream_name
                    && covers(self.pattern, &position.subject)
                    && position.sequence > info.delivered.stream_sequence
            });
            open += u64::from(behind);
        }
        Ok(open)
    }
}

impl Consumers {
    pub(super) fn new(
        context: Context,
        connections: Connections,
        consumers: Vec<(Consumer<pull::Config>, Origin)>,
        route: Route,
        ack_wait: Duration,
    ) -> Self {
        Self { context, connections, consumers, route, ack_wait }
    }

    /// Begins to pull.
    pub(crate) fn start(&self) -> (mpsc::Receiver<Delivery>, Pullers) {
        let (receiver, mut pullers, pulling) = open(&self.route, self.ack_wait);
        for (consumer, origin) in &self.consumers {
            let (context, consumer) = (self.context.clone(), consumer.clone());
            let connections = self.connections.clone();
            let puller = pulling.puller(OnNats { context, consumer, connections, origin: origin.clone() });
            let (origin, sender, stop) = (origin.clone(), pulling.sender.clone(), pulling.stop.clone());
            pullers.spawn(async move {
                tokio::join!(advisories::run(&origin, sender, stop), puller.run());
            });
        }
        (receiver, pullers)
    }

    pub(crate) fn probe(&self) -> ConsumerProbe {
        let consumers = self.consumers.iter().map(|(consumer, _)| consumer.clone()).collect();
        ConsumerProbe { pattern: self.route.pattern, consumers }
    }
}

/// Where messages arrive, and what the pullers that bring them need.
pub(crate) fn open(route: &Route, ack_wait: Duration) -> (mpsc::Receiver<Delivery>, Pullers, Pulling) {
    let (sender, receiver) = mpsc::channel(route.capacity.max(1));
    let stop = CancellationToken::new();
    let paused = watch::Sender::new(false);
    let pulling = Pulling {
        durable: route.durable.clone(),
        ordered: route.ordered,
        sender,
        capacity: Capacity::new(route.capacity),
        ack_wait,
        stop: stop.clone(),
        paused: paused.subscribe(),
    };
    (receiver, Pullers { tasks: JoinSet::new(), stop, paused }, pulling)
}

/// What the pullers of a subscription share.
pub(crate) struct Pulling {
    durable: String,
    /// Whether the events of a key keep their order.
    ordered: bool,
    sender: mpsc::Sender<Delivery>,
    capacity: Capacity,
    ack_wait: Duration,
    stop: CancellationToken,
    paused: watch::Receiver<bool>,
}

impl Pulling {
    pub(crate) fn puller<U: Upstream>(&self, upstream: U) -> Puller<U> {
        Puller {
            upstream,
            durable: self.durable.clone(),
            sender: self.sender.clone(),
            capacity: self.capacity.clone(),
            ack_wait: self.ack_wait,
            stop: self.stop.clone(),
            paused: self.paused.clone(),
            held: HeldSet::default(),
            order: self.ordered.then(Order::default),
        }
    }
}

impl Pullers {
    /// Runs a puller.
    pub(crate) fn spawn(&mut self, puller: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(puller);
    }

    pub(crate) fn pause(&self, paused: bool) {
        self.paused.send_if_modified(|was| std::mem::replace(was, paused) != paused);
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

/// What an ordered subscription knows of its consumer: the server numbers what it delivers, so a number that is missing
/// is a message that somebody else has got, a process that does not know yet that its time is over, say.
#[derive(Default)]
struct Order {
    next: Option<u64>,
}

impl Order {
    /// Whether this delivery comes right after the one before it.
    fn follows(&mut self, delivery: u64) -> bool {
        let follows = self.next.is_none_or(|next| next == delivery);
        self.next = Some(delivery + 1);
        follows
    }
}

/// The positions in the stream of the messages that this process holds; one may be there twice, delivered again.
#[derive(Clone, Default)]
struct HeldSet {
    copies: Arc<Mutex<HashMap<u64, usize>>>,
}

impl HeldSet {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        // each change is one call of the map's
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn insert(&self, sequence: u64) -> Held {
        *self.lock().entry(sequence).or_default() += 1;
        Held { set: self.clone(), sequence }
    }
}

/// A message that this process holds, until this is dropped.
pub(crate) struct Held {
    set: HeldSet,
    sequence: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Entry::Occupied(mut copies) = self.set.lock().entry(self.sequence) {
            *copies.get_mut() -= 1;
            if *copies.get() == 0 {
                copies.remove();
            }
        }
    }
}

/// Brings the messages of one consumer.
pub(crate) struct Puller<U> {
    upstream: U,
    durable: String,
    sender: mpsc::Sender<Delivery>,
    capacity: Capacity,
    ack_wait: Duration,
    stop: CancellationToken,
    paused: watch::Receiver<bool>,
    /// What this process holds of the consumer's messages.
    held: HeldSet,
    /// `None` when the events of a key need no order.
    order: Option<Order>,
}

/// A message as the dispatcher takes it, with what the server calls it.
struct Arrived {
    /// Its position in the stream.
    sequence: u64,
    /// The number of its delivery.
    delivered: u64,
    delivery: Delivery,
}

/// What waits to be let through, in the order of the stream.
#[derive(Default)]
struct Waiting {
    messages: BTreeMap<u64, Delivery>,
    /// The number of the last delivery among them.
    last: u64,
}

impl Extend<Arrived> for Waiting {
    fn extend<I: IntoIterator<Item = Arrived>>(&mut self, all: I) {
        for Arrived { sequence, delivered, delivery } in all {
            self.last = self.last.max(delivered);
            self.messages.insert(sequence, delivery);
        }
    }
}

/// Why a batch ended early.
enum Interrupted {
    Failed(&'static str),
    /// Somebody else has got messages that were before these.
    Gap(Vec<Arrived>),
}

impl<U: Upstream> Puller<U> {
    /// Pulls until stopped.
    pub(crate) async fn run(mut self) {
        if self.order.is_some() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.begin_anew() => {}
            }
            if !self.take_over(Vec::new()).await {
                return;
            }
        }
        let mut failures = 0u32;
        while !self.stop.is_cancelled() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                // ends with the subscription
                Ok(_) = self.paused.wait_for(|paused| !paused) => {}
                else => return,
            }
            let Some(places) = self.capacity.take(BATCH, GATHERING, &self.stop).await else { return };
            match self.pull(places).await {
                Ok(()) => failures = 0,
                Err(Interrupted::Gap(arrived)) => {
                    tracing::debug!(subscription = %self.durable, "somebody else has got messages in between");
                    if !self.take_over(arrived).await {
                        return;
                    }
                }
                Err(Interrupted::Failed(reason)) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(subscription = %self.durable, reason, "cannot fetch messages; trying again");
                    self.repair().await;
                    let pause = Duration::from_millis(100) * 2u32.saturating_pow(failures.min(5));
                    tokio::select! {
                        biased;
                        () = self.stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    // what was on its way is lost and comes again, later than newer messages
                    if self.order.is_some() && !self.take_over(Vec::new()).await {
                        return;
                    }
                }
            }
        }
    }

    /// Makes the consumer again if it was deleted.
    async fn repair(&self) {
        let repaired = tokio::select! {
            biased;
            () = self.stop.cancelled() => return,
            repaired = self.upstream.repair() => repaired,
        };
        if let Err(error) = repaired {
            tracing::warn!(subscription = %self.durable, error = error.report(), "the consumer cannot be looked after");
        }
    }

    /// Fetches one batch, a place for each message.
    async fn pull(&mut self, mut places: OwnedSemaphorePermit) -> Result<(), Interrupted> {
        let failed = Interrupted::Failed;
        let (lost, stop) = (self.upstream.lost(), self.stop.clone());
        let stopped = stop.cancelled();
        tokio::pin!(lost, stopped);
        let most = places.num_permits();
        let Some(mut messages) = self.request(most, EXPIRES).await.map_err(failed)? else { return Ok(()) };
        let late = tokio::time::sleep(EXPIRES + LATE);
        tokio::pin!(late);
        while let Some(place) = places.split(1) {
            // nearly always one is there: then nothing else needs to be looked at
            let there = if stop.is_cancelled() { None } else { messages.next().now_or_never() };
            let message = match there {
                Some(message) => message,
                None => tokio::select! {
                biased;
                () = &mut stopped => {
                    for arrived in self.rest_of(messages).await {
                        let _gone = self.sender.send(arrived.delivery).await;
                    }
                    return Ok(());
                }
                message = messages.next() => message,
                () = &mut lost => {
                    // what was asked for just before may have gone out on the new connection
                    let rest = self.rest_of(messages).await;
                    let lost = failed("the connection was lost");
                    return Err(if rest.is_empty() { lost } else { Interrupted::Gap(rest) });
                }
                () = &mut late => return Err(failed("the server does not answer")),
                },
            };
            let Some(message) = message else { return Ok(()) };
            let message = message.map_err(|_| failed("the server stopped the delivery"))?;
            let Some(mut arrived) = self.arrived(message) else { continue };
            if self.order.as_mut().is_some_and(|order| !order.follows(arrived.delivered)) {
                let mut all = vec![arrived];
                all.extend(self.rest_of(messages).await);
                return Err(Interrupted::Gap(all));
            }
            arrived.delivery.permit = Some(place);
            if self.sender.send(arrived.delivery).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Asks for messages; `None` when stopped.
    async fn request(&self, most: usize, expires: Duration) -> Result<Option<U::Batch>, &'static str> {
        if self.stop.is_cancelled() {
            return Ok(None);
        }
        tokio::select! {
            biased;
            batch = self.upstream.request(most, expires) => batch.map(Some).map_err(|_| "the request could not be sent"),
            // without a connection the client takes requests until its buffer is full
            () = self.stop.cancelled() => Ok(None),
        }
    }

    /// Lets the server deliver again at once, in their order, what somebody has got who is gone: the one who was active
    /// before. That one's effects are kept out by the fence and the inbox. From a server that cannot do it, they come
    /// again after `ack_wait`.
    async fn begin_anew(&self) {
        let Ok(ConsumerState { outstanding, .. }) = self.upstream.state().await else { return };
        if outstanding == 0 {
            return;
        }
        if self.upstream.reset().await {
            tracing::info!(subscription = %self.durable, outstanding, "took messages over from another process");
        } else {
            tracing::debug!(subscription = %self.durable, "the server cannot begin a consumer anew");
        }
    }

    /// Waits until nothing is outstanding with a process that was here before, or lost on its way.
    ///
    /// What a dead process or a dead connection had fetched comes again only after `ack_wait`, while newer messages
    /// are delivered at once. Handling those first would break the order per key. So everything that arrives is held
    /// until nobody else holds anything, and then let through in the order of the stream. Returns whether to go on.
    async fn take_over(&mut self, arrived: Vec<Arrived>) -> bool {
        let mut held = Waiting::default();
        held.extend(arrived);
        let go_on = self.hold(&mut held).await;
        for delivery in held.messages.into_values() {
            // the receiver goes away only when nobody handles anything any more
            let _gone = self.sender.send(delivery).await;
        }
        go_on
    }

    /// Holds what arrives until nobody else holds anything; `false` when stopped meanwhile.
    async fn hold(&mut self, held: &mut Waiting) -> bool {
        let mut said = false;
        // by then a dead process's messages have come again; what is still outstanding is with a living one
        let patience = self.ack_wait * 2 + ROUND;
        let (mut left, mut looked) = (patience, Instant::now());
        loop {
            // a process that was stopped meanwhile has not waited
            left = left.saturating_sub(looked.elapsed().min(ROUND));
            looked = Instant::now();
            let state = tokio::select! {
                biased;
                () = self.stop.cancelled() => return false,
                state = self.upstream.state() => state,
            };
            let Ok(ConsumerState { outstanding, delivered }) = state else {
                left = patience;
                self.repair().await;
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return false,
                    () = tokio::time::sleep(Duration::from_millis(200)) => continue,
                }
            };
            if delivered < held.last {
                // The consumer has begun anew meanwhile, or is another one of this name. So what is held comes again, and
                // before it what it was held for.
                *held = Waiting::default();
            }
            // its own are here and with the dispatcher
            if outstanding <= self.held.len() || left.is_zero() {
                self.order = Some(Order { next: Some(delivered + 1) });
                return true;
            }
            if !said {
                said = true;
                tracing::info!(
                    subscription = %self.durable,
                    outstanding,
                    wait = ?self.ack_wait,
                    "messages are outstanding with another process, or lost; waiting for them to keep the order"
                );
            }
            for delivery in held.messages.values() {
                if !delivery.acker.in_progress().await {
                    break;
                }
            }
            // short, so that the loop looks often at what is outstanding; messages held without a place in the
            // capacity are bounded by the consumer's `max_ack_pending`
            let Ok(Some(mut messages)) = self.request(BATCH, Duration::from_millis(500)).await else { continue };
            let late = tokio::time::sleep(LATE);
            tokio::pin!(late);
            loop {
                let message = tokio::select! {
                    biased;
                    () = self.stop.cancelled() => {
                        held.extend(self.rest_of(messages).await);
                        return false;
                    }
                    message = messages.next() => message,
                    () = &mut late => break,
                };
                let Some(Ok(message)) = message else { break };
                held.extend(self.arrived(message));
            }
        }
    }

    /// What the server has sent in answer to a request that is not needed any more. Left alone, it would come again
    /// only after `ack_wait`.
    async fn rest_of(&self, mut messages: U::Batch) -> Vec<Arrived> {
        let mut rest = Vec::new();
        while let Ok(Some(Ok(message))) = tokio::time::timeout(QUIET, messages.next()).await {
            rest.extend(self.arrived(message));
        }
        rest
    }

    /// A message as the dispatcher takes it. One that is not JetStream's is left.
    fn arrived(&self, message: U::Message) -> Option<Arrived> {
        let Coming { sequence, delivered, deliveries, message, reply } = U::read(message)?;
        // whoever keeps no order never asks what is held
        let acker = Acker::Nats { reply, _held: self.order.is_some().then(|| self.held.insert(sequence)) };
        Some(Arrived { sequence, delivered, delivery: Delivery { message, deliveries, acker, permit: None } })
    }
}
