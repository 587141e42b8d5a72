//! From deliveries to handlers: a lane per ordering key, so many keys at once.
//!
//! One task owns all state of a subscription; handlers run in tasks that it owns. A key has at most one event
//! under way, and while its head waits for a retry only this key waits.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::time::DelayQueue;

use super::handle::{Subscription, Verdict};
use crate::bus::{self, Delivery};
use crate::event::ordering_key;

/// How long a subscription may go on after it was asked to stop, and what it says at the end.
#[derive(Debug, Clone)]
pub(crate) struct Stopping {
    /// Asks to stop: take nothing new, finish what runs.
    pub(crate) stop: CancellationToken,
    /// From then on running handlers are cancelled.
    pub(crate) grace: Duration,
}

/// The lane of an ordering key; an event without a key has one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Lane {
    Key(String),
    Alone(u64),
}

/// A message on its way through the subscription.
struct Held {
    delivery: Delivery,
    attempt: u32,
}

#[derive(Default)]
struct LaneState {
    /// The head is under way or waits for its retry; the rest waits for the head.
    queue: VecDeque<Held>,
}

/// Runs a subscription until it is stopped. Returns how many messages were left unfinished.
pub(crate) async fn run(
    subscription: Arc<Subscription>,
    source: bus::Subscription,
    ack_wait: Duration,
    stopping: Stopping,
) -> usize {
    Dispatcher {
        concurrency: subscription.subscriber.spec.concurrency.max(1),
        subscription,
        lanes: HashMap::new(),
        ready: VecDeque::new(),
        running: JoinSet::new(),
        under_way: HashMap::new(),
        retries: DelayQueue::new(),
        next_alone: 0,
    }
    .run(source, ack_wait, stopping)
    .await
}

struct Dispatcher {
    subscription: Arc<Subscription>,
    concurrency: usize,
    lanes: HashMap<Lane, LaneState>,
    /// Lanes whose head can start.
    ready: VecDeque<Lane>,
    running: JoinSet<Verdict>,
    under_way: HashMap<Id, Lane>,
    retries: DelayQueue<Lane>,
    next_alone: u64,
}

impl Dispatcher {
    async fn run(mut self, mut source: bus::Subscription, ack_wait: Duration, stopping: Stopping) -> usize {
        let mut heartbeat = tokio::time::interval_at(Instant::now() + ack_wait / 3, ack_wait / 3);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.start_ready();
            tokio::select! {
                biased;
                () = stopping.stop.cancelled() => break,
                Some(joined) = self.running.join_next_with_id() => self.finished(joined).await,
                Some(due) = self.retries.next() => self.ready.push_back(due.into_inner()),
                _ = heartbeat.tick() => self.keep_alive().await,
                delivery = source.next() => match delivery {
                    Some(delivery) => self.arrived(delivery),
                    None => break,
                },
            }
        }
        self.wind_down(source, heartbeat, stopping.grace).await
    }

    fn arrived(&mut self, delivery: Delivery) {
        let lane = match ordering_key(&delivery.message) {
            Some(key) => Lane::Key(key),
            None => {
                self.next_alone += 1;
                Lane::Alone(self.next_alone)
            }
        };
        if delivery.deliveries > 1 {
            tracing::debug!(subscription = %self.subscription.durable, deliveries = delivery.deliveries, "delivered again");
        }
        let state = self.lanes.entry(lane.clone()).or_default();
        state.queue.push_back(Held { delivery, attempt: 1 });
        if state.queue.len() == 1 {
            self.ready.push_back(lane);
        }
    }

    fn start_ready(&mut self) {
        while self.running.len() < self.concurrency {
            let Some(lane) = self.ready.pop_front() else { return };
            let Some(head) = self.lanes.get(&lane).and_then(|state| state.queue.front()) else { continue };
            let subscription = Arc::clone(&self.subscription);
            // cheap: the payload is shared
            let (message, attempt) = (head.delivery.message.clone(), head.attempt);
            let task = self.running.spawn(async move { subscription.handle(&message, attempt, None).await });
            self.under_way.insert(task.id(), lane);
        }
    }

    async fn finished(&mut self, joined: Result<(Id, Verdict), tokio::task::JoinError>) {
        let (id, verdict) = match joined {
            Ok((id, verdict)) => (id, verdict),
            // handlers' panics are caught inside; this is a panic of the library or an abort
            Err(error) => (error.id(), Verdict::Again { pause: Duration::from_secs(1), counts: true }),
        };
        let Some(lane) = self.under_way.remove(&id) else { return };
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        match verdict {
            Verdict::Done | Verdict::Gone => {
                if let Some(mut held) = state.queue.pop_front() {
                    let _comes_again_if_not = held.delivery.acker.ack().await;
                    drop(held.delivery.permit);
                }
                if state.queue.is_empty() {
                    self.lanes.remove(&lane);
                } else {
                    self.ready.push_back(lane);
                }
            }
            Verdict::Again { pause, counts } => {
                if let (Some(head), true) = (state.queue.front_mut(), counts) {
                    head.attempt = head.attempt.saturating_add(1);
                }
                self.retries.insert(lane, pause);
            }
        }
    }

    /// Tells the server that everything held here is still being worked on.
    async fn keep_alive(&self) {
        for state in self.lanes.values() {
            for held in &state.queue {
                if !held.delivery.acker.in_progress().await {
                    return;
                }
            }
        }
    }

    /// Gives back at once what has not started, waits for what runs, then cancels it.
    async fn wind_down(
        mut self,
        mut source: bus::Subscription,
        mut heartbeat: tokio::time::Interval,
        grace: Duration,
    ) -> usize {
        source.stop();
        let deadline = tokio::time::sleep(grace);
        tokio::pin!(deadline);
        // Nothing goes back before everything has arrived: as long as the server has an open request of this process,
        // what goes back would come again to it.
        let mut arriving = true;
        while arriving || !self.running.is_empty() {
            tokio::select! {
                biased;
                () = &mut deadline => break,
                _ = heartbeat.tick() => self.keep_alive().await,
                Some(joined) = self.running.join_next_with_id() => {
                    self.finished(joined).await;
                    if !arriving {
                        // the next of the key must not start any more
                        self.give_back_waiting().await;
                    }
                }
                delivery = source.rest(), if arriving => match delivery {
                    Some(delivery) => self.arrived(delivery),
                    None => {
                        arriving = false;
                        self.give_back_waiting().await;
                    }
                },
            }
        }
        let unfinished = self.running.len();
        // a handler's transaction rolls back when its future is dropped
        self.running.shutdown().await;
        while let Some(delivery) = source.rest().await {
            self.arrived(delivery);
        }
        let left = self.lanes.into_values().flat_map(|state| state.queue);
        bus::give_back(left.map(|held| held.delivery)).await;
        if unfinished > 0 {
            tracing::warn!(
                subscription = %self.subscription.durable,
                unfinished,
                "handlers were cancelled at the shutdown deadline; their events are delivered again"
            );
        }
        unfinished
    }

    /// Gives back, in the order of the stream, every message whose key has nothing under way. The others stay
    /// until their head is done: given back now, they would overtake it in another process.
    async fn give_back_waiting(&mut self) {
        self.ready.clear();
        self.retries.clear();
        let running: std::collections::HashSet<Lane> = self.under_way.values().cloned().collect();
        let waiting = self.lanes.extract_if(|lane, _| !running.contains(lane)).flat_map(|(_, state)| state.queue);
        bus::give_back(waiting.map(|held| held.delivery)).await;
    }
}
