//! Pulling messages: one task per consumer, which asks for no more than there are free places.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{Consumer, pull};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::Position;
use super::super::subscription::{Acker, Capacity, Delivery, Route};
use super::unavailable;
use crate::error::Result;
use crate::event::subject::covers;
use crate::event::{Delivered, Headers};

/// How long the server holds a request for messages open.
const EXPIRES: Duration = Duration::from_secs(5);

/// The most messages asked for at once.
const BATCH: usize = 256;

/// When nothing has come for that long, what the server had sent is here.
const QUIET: Duration = Duration::from_millis(50);

/// The tasks that pull; they end when stopped or dropped.
pub(crate) struct Pullers {
    tasks: JoinSet<()>,
    stop: CancellationToken,
    consumers: Vec<Consumer<pull::Config>>,
    pattern: &'static str,
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

impl Pullers {
    pub(super) fn start(
        consumers: Vec<Consumer<pull::Config>>,
        route: Route,
        ack_wait: Duration,
    ) -> (mpsc::Receiver<Delivery>, Self) {
        let (sender, receiver) = mpsc::channel(route.capacity.max(1));
        let stop = CancellationToken::new();
        let capacity = Capacity::new(route.capacity);
        let mut tasks = JoinSet::new();
        for consumer in &consumers {
            let puller = Puller {
                consumer: consumer.clone(),
                durable: route.durable.clone(),
                sender: sender.clone(),
                capacity: capacity.clone(),
                ack_wait,
                stop: stop.clone(),
            };
            tasks.spawn(puller.run());
        }
        (receiver, Self { tasks, stop, consumers, pattern: route.pattern })
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) fn probe(&self) -> ConsumerProbe {
        ConsumerProbe { pattern: self.pattern, consumers: self.consumers.clone() }
    }

    pub(crate) async fn join(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

struct Puller {
    consumer: Consumer<pull::Config>,
    durable: String,
    sender: mpsc::Sender<Delivery>,
    capacity: Capacity,
    ack_wait: Duration,
    stop: CancellationToken,
}

impl Puller {
    async fn run(self) {
        if !self.take_over().await {
            return;
        }
        let mut failures = 0u32;
        while !self.stop.is_cancelled() {
            let Some(permits) = self.capacity.take(BATCH, &self.stop).await else { return };
            match self.pull(permits).await {
                Ok(()) => failures = 0,
                Err(reason) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(subscription = %self.durable, reason, "cannot fetch messages; trying again");
                    let pause = Duration::from_millis(100) * 2u32.saturating_pow(failures.min(5));
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    /// Fetches one batch, a place for each message.
    async fn pull(&self, permits: Vec<OwnedSemaphorePermit>) -> Result<(), &'static str> {
        let mut messages = self.request(permits.len()).await?;
        for permit in permits {
            let message = tokio::select! {
                () = self.stop.cancelled() => {
                    give_back(messages).await;
                    return Ok(());
                }
                message = messages.next() => message,
            };
            let Some(message) = message else { return Ok(()) };
            let message = message.map_err(|_| "the server stopped the delivery")?;
            let Some((_, mut delivery)) = delivery(message) else { continue };
            delivery.permit = Some(permit);
            if self.sender.send(delivery).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn request(&self, most: usize) -> Result<pull::Batch, &'static str> {
        self.consumer
            .batch()
            .max_messages(most)
            .expires(EXPIRES)
            .heartbeat(EXPIRES / 2)
            .messages()
            .await
            .map_err(|_| "the request could not be sent")
    }

    /// Waits until nothing is outstanding with a process that was here before.
    ///
    /// What a dead process had fetched comes again only after `ack_wait`, while newer messages are delivered at
    /// once. Handling those first would break the order per key. So at the start everything that arrives is
    /// held until nobody else holds anything, and then let through in the order of the stream. Returns whether
    /// to go on.
    async fn take_over(&self) -> bool {
        let mut held: BTreeMap<u64, Delivery> = BTreeMap::new();
        let go_on = self.hold(&mut held).await;
        for mut delivery in held.into_values() {
            if go_on {
                // the receiver goes away only when nobody handles anything any more
                let _gone = self.sender.send(delivery).await;
            } else {
                delivery.acker.nak(Duration::ZERO).await;
            }
        }
        go_on
    }

    /// Holds what arrives until nobody else holds anything; `false` when stopped meanwhile.
    async fn hold(&self, held: &mut BTreeMap<u64, Delivery>) -> bool {
        let mut consumer = self.consumer.clone();
        let mut said = false;
        // by then a dead process's messages have come again; what is still outstanding is with a living one
        let deadline = tokio::time::Instant::now() + self.ack_wait * 2 + Duration::from_secs(1);
        loop {
            let info = tokio::select! {
                () = self.stop.cancelled() => return false,
                info = consumer.info() => info,
            };
            let outstanding = match info {
                Ok(info) => info.num_ack_pending,
                Err(_) => usize::MAX,
            };
            if outstanding <= held.len() || tokio::time::Instant::now() > deadline {
                return true;
            }
            if !said && outstanding != usize::MAX {
                said = true;
                tracing::info!(
                    subscription = %self.durable,
                    outstanding,
                    wait = ?self.ack_wait,
                    "messages are outstanding with another process; waiting for them to keep the order"
                );
            }
            for delivery in held.values() {
                delivery.acker.in_progress().await;
            }
            let Ok(mut messages) = self.request_held().await else {
                tokio::select! {
                    () = self.stop.cancelled() => return false,
                    () = tokio::time::sleep(Duration::from_millis(200)) => continue,
                }
            };
            loop {
                let message = tokio::select! {
                    () = self.stop.cancelled() => {
                        give_back(messages).await;
                        return false;
                    }
                    message = messages.next() => message,
                };
                let Some(Ok(message)) = message else { break };
                if let Some((sequence, delivery)) = delivery(message) {
                    held.insert(sequence, delivery);
                }
            }
        }
    }

    /// A short request, so that the loop looks often at what is outstanding. Messages held without a place in
    /// the capacity are bounded by the consumer's `max_ack_pending`.
    async fn request_held(&self) -> Result<pull::Batch, &'static str> {
        self.consumer
            .batch()
            .max_messages(BATCH)
            .expires(Duration::from_millis(500))
            .messages()
            .await
            .map_err(|_| "the request could not be sent")
    }
}

/// Gives back what the server has sent in answer to a request that nobody needs any more. Left alone, it would
/// come again only after `ack_wait`.
async fn give_back(mut messages: pull::Batch) {
    let mut left = Vec::new();
    while let Ok(Some(Ok(message))) = tokio::time::timeout(QUIET, messages.next()).await {
        left.extend(delivery(message));
    }
    // only now: as long as the request is open, it would get them again
    drop(messages);
    for (_, mut delivery) in left {
        delivery.acker.nak(Duration::ZERO).await;
    }
}

/// A message as the dispatcher takes it, with its position in the stream. One that is not JetStream's is left.
fn delivery(message: Message) -> Option<(u64, Delivery)> {
    let (sequence, deliveries, origin) = {
        let info = message.info().ok()?;
        let deliveries = u32::try_from(info.delivered).unwrap_or(u32::MAX);
        (info.stream_sequence, deliveries, format!("{}:{}", info.stream, info.stream_sequence))
    };
    let (message, acker) = message.split();
    let headers: Headers = message
        .headers
        .iter()
        .flat_map(|headers| headers.iter())
        .flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.as_str().to_owned())))
        .collect();
    let message =
        Delivered { subject: message.subject.to_string(), headers, payload: Bytes::clone(&message.payload), origin };
    Some((sequence, Delivery { message, deliveries, acker: Acker::Nats(acker), permit: None }))
}
