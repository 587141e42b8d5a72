//! Pulling messages: one task per consumer, which asks for no more than there are free places.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{Context, Message};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::Position;
use super::super::subscription::{Acker, Capacity, Delivery, Route};
use super::advisories;
use super::repair::Origin;
use super::unavailable;
use crate::error::Result;
use crate::event::subject::covers;
use crate::event::{Delivered, Headers};

/// How long the server holds a request for messages open.
const EXPIRES: Duration = Duration::from_secs(5);

/// How much later than that its answer may be. After it the request is taken for lost, with a connection, say.
const LATE: Duration = Duration::from_secs(2);

/// The most messages asked for at once.
const BATCH: usize = 256;

/// When nothing has come for that long, what the server had sent is here.
const QUIET: Duration = Duration::from_millis(100);

/// How long the server may take to begin a consumer anew.
const RESET: Duration = Duration::from_secs(2);

/// A subscription's consumers on the server, one for each domain.
pub(crate) struct Consumers {
    context: Context,
    /// Each with how to make it again.
    consumers: Vec<(Consumer<pull::Config>, Origin)>,
    route: Route,
    ack_wait: Duration,
}

/// The tasks that pull; they end when stopped or dropped.
pub(crate) struct Pullers {
    _tasks: JoinSet<()>,
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
        consumers: Vec<(Consumer<pull::Config>, Origin)>,
        route: Route,
        ack_wait: Duration,
    ) -> Self {
        Self { context, consumers, route, ack_wait }
    }

    /// Begins to pull.
    pub(crate) fn start(&self) -> (mpsc::Receiver<Delivery>, Pullers) {
        let (sender, receiver) = mpsc::channel(self.route.capacity.max(1));
        let stop = CancellationToken::new();
        let capacity = Capacity::new(self.route.capacity);
        let paused = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for (consumer, origin) in &self.consumers {
            let puller = Puller {
                context: self.context.clone(),
                consumer: consumer.clone(),
                origin: origin.clone(),
                durable: self.route.durable.clone(),
                sender: sender.clone(),
                capacity: capacity.clone(),
                ack_wait: self.ack_wait,
                stop: stop.clone(),
                paused: paused.subscribe(),
                held: HeldSet::default(),
                order: self.route.ordered.then(Order::default),
            };
            let (origin, sender, stop) = (origin.clone(), sender.clone(), stop.clone());
            tasks.spawn(async move {
                tokio::join!(advisories::run(&origin, sender, stop), puller.run());
            });
        }
        (receiver, Pullers { _tasks: tasks, stop, paused })
    }

    pub(crate) fn probe(&self) -> ConsumerProbe {
        let consumers = self.consumers.iter().map(|(consumer, _)| consumer.clone()).collect();
        ConsumerProbe { pattern: self.route.pattern, consumers }
    }
}

impl Pullers {
    pub(crate) fn pause(&self, paused: bool) {
        self.paused.send_if_modified(|was| std::mem::replace(was, paused) != paused);
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

/// The server's answer, of which nothing is needed.
#[derive(Debug, serde::Deserialize)]
struct Reset {}

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

struct Puller {
    context: Context,
    consumer: Consumer<pull::Config>,
    /// How to make the consumer again.
    origin: Origin,
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

/// Why a batch ended early.
enum Interrupted {
    Failed(&'static str),
    /// Somebody else has got messages that were before these.
    Gap(Vec<Arrived>),
}

impl Puller {
    async fn run(mut self) {
        if self.order.is_some() {
            self.begin_anew().await;
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
            let Some(permits) = self.capacity.take(BATCH, &self.stop).await else { return };
            match self.pull(permits).await {
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
            () = self.stop.cancelled() => return,
            repaired = self.origin.repair() => repaired,
        };
        if let Err(error) = repaired {
            tracing::warn!(subscription = %self.durable, error = error.report(), "the consumer cannot be looked after");
        }
    }

    /// Fetches one batch, a place for each message.
    async fn pull(&mut self, permits: Vec<OwnedSemaphorePermit>) -> Result<(), Interrupted> {
        let failed = Interrupted::Failed;
        let Some(mut messages) = self.request(permits.len(), EXPIRES).await.map_err(failed)? else { return Ok(()) };
        let late = tokio::time::sleep(EXPIRES + LATE);
        tokio::pin!(late);
        for permit in permits {
            let message = tokio::select! {
                () = self.stop.cancelled() => {
                    for arrived in self.rest_of(messages).await {
                        let _gone = self.sender.send(arrived.delivery).await;
                    }
                    return Ok(());
                }
                message = messages.next() => message,
                () = &mut late => return Err(failed("the server does not answer")),
            };
            let Some(message) = message else { return Ok(()) };
            let message = message.map_err(|_| failed("the server stopped the delivery"))?;
            let Some(mut arrived) = self.arrived(message) else { continue };
            if self.order.as_mut().is_some_and(|order| !order.follows(arrived.delivered)) {
                let mut all = vec![arrived];
                all.extend(self.rest_of(messages).await);
                return Err(Interrupted::Gap(all));
            }
            arrived.delivery.permit = Some(permit);
            if self.sender.send(arrived.delivery).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Asks for messages; `None` when stopped.
    ///
    /// Without the client's heartbeats: in async-nats 0.51 a batch that has received one is not woken by the next
    /// message any more (`Batch::poll_next` returns `Pending` without having registered the waker).
    async fn request(&self, most: usize, expires: Duration) -> Result<Option<pull::Batch>, &'static str> {
        if self.stop.is_cancelled() {
            return Ok(None);
        }
        let request = self.consumer.batch().max_messages(most).expires(expires).messages();
        tokio::select! {
            biased;
            batch = request => batch.map(Some).map_err(|_| "the request could not be sent"),
            // without a connection the client takes requests until its buffer is full
            () = self.stop.cancelled() => Ok(None),
        }
    }

    /// Lets the server deliver again at once, in their order, what somebody has got who is gone: the one who was active
    /// before. That one's effects are kept out by the fence and the inbox. A server before 2.14, or one that does not
    /// let this program do it, delivers them again after `ack_wait`.
    async fn begin_anew(&self) {
        let Ok(info) = self.consumer.get_info().await else { return };
        if info.num_ack_pending == 0 {
            return;
        }
        let subject = format!("CONSUMER.RESET.{}.{}", info.stream_name, info.name);
        let everything_outstanding = serde_json::json!({});
        let request = self.context.request(subject, &everything_outstanding);
        let outstanding = info.num_ack_pending;
        match tokio::time::timeout(RESET, request).await {
            Ok(Ok(Response::Ok(Reset {}))) => {
                tracing::info!(subscription = %self.durable, outstanding, "took messages over from another process");
            }
            _ => tracing::debug!(subscription = %self.durable, "the server cannot begin a consumer anew"),
        }
    }

    /// Waits until nothing is outstanding with a process that was here before, or lost on its way.
    ///
    /// What a dead process or a dead connection had fetched comes again only after `ack_wait`, while newer messages
    /// are delivered at once. Handling those first would break the order per key. So everything that arrives is held
    /// until nobody else holds anything, and then let through in the order of the stream. Returns whether to go on.
    async fn take_over(&mut self, arrived: Vec<Arrived>) -> bool {
        let mut held: BTreeMap<u64, Delivery> =
            arrived.into_iter().map(|arrived| (arrived.sequence, arrived.delivery)).collect();
        let go_on = self.hold(&mut held).await;
        for delivery in held.into_values() {
            // the receiver goes away only when nobody handles anything any more
            let _gone = self.sender.send(delivery).await;
        }
        go_on
    }

    /// Holds what arrives until nobody else holds anything; `false` when stopped meanwhile.
    async fn hold(&mut self, held: &mut BTreeMap<u64, Delivery>) -> bool {
        let mut consumer = self.consumer.clone();
        let mut said = false;
        // by then a dead process's messages have come again; what is still outstanding is with a living one
        let patience = self.ack_wait * 2 + Duration::from_secs(1);
        let mut deadline = Instant::now() + patience;
        loop {
            let info = tokio::select! {
                () = self.stop.cancelled() => return false,
                info = consumer.info() => info.map(|info| (info.num_ack_pending, info.delivered.consumer_sequence)),
            };
            let Ok((outstanding, delivered)) = info else {
                deadline = Instant::now() + patience;
                self.repair().await;
                tokio::select! {
                    () = self.stop.cancelled() => return false,
                    () = tokio::time::sleep(Duration::from_millis(200)) => continue,
                }
            };
            // its own are here and with the dispatcher
            if outstanding <= self.held.len() || Instant::now() > deadline {
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
            for delivery in held.values() {
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
                    () = self.stop.cancelled() => {
                        let rest = self.rest_of(messages).await;
                        held.extend(rest.into_iter().map(|arrived| (arrived.sequence, arrived.delivery)));
                        return false;
                    }
                    message = messages.next() => message,
                    () = &mut late => break,
                };
                let Some(Ok(message)) = message else { break };
                if let Some(arrived) = self.arrived(message) {
                    held.insert(arrived.sequence, arrived.delivery);
                }
            }
        }
    }

    /// What the server has sent in answer to a request that is not needed any more. Left alone, it would come again
    /// only after `ack_wait`.
    async fn rest_of(&self, mut messages: pull::Batch) -> Vec<Arrived> {
        let mut rest = Vec::new();
        while let Ok(Some(Ok(message))) = tokio::time::timeout(QUIET, messages.next()).await {
            rest.extend(self.arrived(message));
        }
        rest
    }

    /// A message as the dispatcher takes it. One that is not JetStream's is left.
    fn arrived(&self, message: Message) -> Option<Arrived> {
        let (sequence, delivered, deliveries, origin) = {
            let info = message.info().ok()?;
            let deliveries = u32::try_from(info.delivered).unwrap_or(u32::MAX);
            (
                info.stream_sequence,
                info.consumer_sequence,
                deliveries,
                format!("{}:{}", info.stream, info.stream_sequence),
            )
        };
        let (message, acker) = message.split();
        let headers: Headers = message
            .headers
            .iter()
            .flat_map(|headers| headers.iter())
            .flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.as_str().to_owned())))
            .collect();
        let message = Delivered {
            subject: message.subject.to_string(),
            headers,
            payload: Bytes::clone(&message.payload),
            origin,
        };
        let acker = Acker::Nats { acker, _held: self.held.insert(sequence) };
        Some(Arrived { sequence, delivered, delivery: Delivery { message, deliveries, acker, permit: None } })
    }
}
