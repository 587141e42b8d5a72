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

use super::claims::{Over, Turn};
use super::handle::{Subscription, Verdict};
use super::subscriber::Spread;
use crate::bus::{self, Delivery, Part};
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

/// How a run of a subscription has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was stopped, and left so many messages unfinished.
    Stopped { unfinished: usize },
    /// Another process has its turn.
    Over,
}

/// Runs a subscription, or a part of it, until it is stopped or its turn is over.
pub(crate) async fn run(
    subscription: Arc<Subscription>,
    part: Option<Part>,
    source: bus::Subscription,
    ack_wait: Duration,
    turn: Turn,
    stopping: Stopping,
) -> Ended {
    Dispatcher {
        concurrency: subscription.subscriber.spec.concurrency.max(1),
        subscription,
        part,
        turn,
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
    part: Option<Part>,
    turn: Turn,
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
    async fn run(mut self, mut source: bus::Subscription, ack_wait: Duration, stopping: Stopping) -> Ended {
        let turn = self.turn.clone();
        let over = turn.over();
        tokio::pin!(over);
        let mut heartbeat = tokio::time::interval_at(Instant::now() + ack_wait / 3, ack_wait / 3);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let subscription = Arc::clone(&self.subscription);
        let mut breaker = subscription.breaker.watch();
        let why = loop {
            self.start_ready();
            // with nothing in hand there would never be another try
            source.pause(subscription.breaker.outage().is_some() && !self.lanes.is_empty());
            tokio::select! {
                biased;
                () = stopping.stop.cancelled() => break None,
                over = &mut over => break Some(over),
                Some(joined) = self.running.join_next_with_id() => self.finished(joined).await,
                Some(due) = self.retries.next() => self.ready.push_back(due.into_inner()),
                _ = heartbeat.tick() => self.keep_alive().await,
                () = breaker.changed() => {}
                delivery = source.next() => match delivery {
                    Some(delivery) => self.arrived(delivery).await,
                    None => break None,
                },
            }
        };
        // what is not finished may be under way elsewhere already
        let grace = if why == Some(Over::Lost) { Duration::ZERO } else { stopping.grace };
        let unfinished = self.wind_down(source, heartbeat, grace).await;
        if why.is_some() { Ended::Over } else { Ended::Stopped { unfinished } }
    }

    async fn arrived(&mut self, mut delivery: Delivery) {
        let key = ordering_key(&delivery.message);
        if let Some(part) = self.part
            && !part.has(key.as_deref().unwrap_or(&delivery.message.origin))
        {
            // another part of the subscription has it from a consumer of its own
            let _comes_again_if_not = delivery.acker.ack().await;
            return;
        }
        let lane = match key {
            Some(key) if self.subscription.subscriber.spec.spread != Spread::Unordered => Lane::Key(key),
            _ => {
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
        let breaker = &self.subscription.breaker;
        while breaker.room(self.running.len(), self.concurrency) > 0 && self.turn.is_mine() {
            let Some(lane) = self.ready.pop_front() else { return };
            let Some(head) = self.lanes.get(&lane).and_then(|state| state.queue.front()) else { continue };
            let subscription = Arc::clone(&self.subscription);
            // cheap: the payload is shared
            let (message, attempt) = (head.delivery.message.clone(), head.attempt);
            let fence = self.turn.fence().cloned();
            let task =
                self.running.spawn(async move { subscription.handle(&message, attempt, None, fence.as_ref()).await });
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
                if self.subscription.breaker.outage().is_some() {
                    // the breaker says when
                    self.ready.push_back(lane);
                } else {
                    self.retries.insert(lane, pause);
                }
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
        let turn = self.turn.clone();
        let lost = turn.lost();
        tokio::pin!(lost);
        let deadline = tokio::time::sleep(grace);
        tokio::pin!(deadline);
        // Nothing goes back before everything has arrived: as long as the server has an open request of this process,
        // what goes back would come again to it.
        let mut arriving = true;
        while arriving || !self.running.is_empty() {
            tokio::select! {
                biased;
                () = &mut deadline => break,
                () = &mut lost => break,
                _ = heartbeat.tick() => self.keep_alive().await,
                Some(joined) = self.running.join_next_with_id() => {
                    self.finished(joined).await;
                    if !arriving {
                        // the next of the key must not start any more
                        self.give_back_waiting().await;
                    }
                }
                delivery = source.rest(), if arriving => match delivery {
                    Some(delivery) => self.arrived(delivery).await,
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
            self.arrived(delivery).await;
        }
        let left = self.lanes.into_values().flat_map(|state| state.queue);
        bus::give_back(left.map(|held| held.delivery)).await;
        if unfinished > 0 {
            tracing::warn!(
                subscription = %self.subscription.durable,
                unfinished,
                "handlers were cancelled at their deadline; their events are delivered again"
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
