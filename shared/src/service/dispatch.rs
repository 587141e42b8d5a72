//! From deliveries to handlers: a lane per ordering key, so many keys at once.
//!
//! One task owns all state of a subscription; handlers run in tasks that it owns. The events of a key are handled one
//! after another, and while its head waits for a retry only this key waits.

mod lane;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::time::DelayQueue;

use self::lane::{Done, Held, Lane, Lanes, Work};
use super::claims::{Over, Turn};
use super::handle::{Subscription, Verdict};
use super::store::Store;
use super::subscriber::{BatchSize, Spread};
use super::together::{Member, Outcome};
use crate::bus::{self, Delivery, Part};
use crate::db::Db;
use crate::event::ordering_key;

/// How long a subscription may go on after it was asked to stop, and what it says at the end.
#[derive(Debug, Clone)]
pub(crate) struct Stopping {
    /// Asks to stop: take nothing new, finish what runs.
    pub(crate) stop: CancellationToken,
    /// From then on running handlers are cancelled.
    pub(crate) grace: Duration,
}

/// Waits until a batch need not wait any longer for being filled; for ever, when none does.
async fn filled(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
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
pub(crate) async fn run<S: Store>(
    subscription: Arc<Subscription<S>>,
    part: Option<Part>,
    source: bus::Subscription,
    ack_wait: Duration,
    turn: Turn,
    stopping: Stopping,
) -> Ended {
    Dispatcher {
        concurrency: concurrency(&subscription),
        filling: None,
        is_filling: false,
        subscription,
        part,
        turn,
        lanes: Lanes::default(),
        ready: VecDeque::new(),
        running: JoinSet::new(),
        under_way: HashMap::new(),
        retries: DelayQueue::new(),
        next_alone: 0,
    }
    .run(source, ack_wait, stopping)
    .await
}

/// How many tasks of a subscription run at once. SQLite has one transaction at a time: a second one would only wait, and
/// can rather share the next.
fn concurrency<S: Store>(subscription: &Subscription<S>) -> usize {
    let spec = subscription.subscriber.spec();
    if spec.transactional && subscription.db.has_one_writer() { 1 } else { spec.concurrency.max(1) }
}

struct Dispatcher<S: Store = Db> {
    subscription: Arc<Subscription<S>>,
    part: Option<Part>,
    turn: Turn,
    concurrency: usize,
    lanes: Lanes,
    /// Lanes whose head can start.
    ready: VecDeque<Lane>,
    /// When the batch is begun that is being filled.
    filling: Option<Instant>,
    /// Whether there is nothing to do but to wait for that.
    is_filling: bool,
    running: JoinSet<Done>,
    under_way: HashMap<Id, Work>,
    retries: DelayQueue<Lane>,
    next_alone: u64,
}

impl<S: Store> Dispatcher<S> {
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
                Some(joined) = self.running.join_next_with_id() => {
                    self.finished(joined).await;
                    // what else has ended by now: looking at everything else in between takes longer than that
                    while let Some(joined) = self.running.try_join_next_with_id() {
                        self.finished(joined).await;
                    }
                }
                Some(due) = self.retries.next() => self.ready.push_back(due.into_inner()),
                _ = heartbeat.tick() => self.keep_alive().await,
                () = breaker.changed() => {}
                () = filled(self.filling), if self.is_filling => {}
                delivery = source.next() => match delivery {
                    Some(delivery) => {
                        self.arrived(delivery).await;
                        // no more than there are places
                        while let Some(delivery) = source.next_now() {
                            self.arrived(delivery).await;
                        }
                    }
                    None => break None,
                },
            }
        };
        // what is not finished may be under way elsewhere already
        let grace = if why == Some(Over::Lost) {
            tracing::warn!(
                subscription = %self.subscription.durable,
                "another process may have this subscription now, since the database did not confirm in time that it is \
                 this one's; what was under way is undone here, and it goes on here or there"
            );
            Duration::ZERO
        } else {
            stopping.grace
        };
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
        let subscription = Arc::clone(&self.subscription);
        self.is_filling = false;
        let mut waiting = None;
        loop {
            let room = subscription.breaker.room(self.running.len(), self.concurrency);
            if planted!(PoisonBlocks) && !self.retries.is_empty() {
                return;
            }
            if room == 0 || self.ready.is_empty() || !self.turn.is_mine() {
                return;
            }
            let waits = *waiting.get_or_insert_with(|| self.waiting());
            if !self.is_filled(waits) {
                return;
            }
            let most = self.most_together(room, waits);
            let (members, lanes) = self.take_ready(most);
            waiting = waiting.map(|waiting| waiting.saturating_sub(members.len()));
            match (lanes.first(), members.len()) {
                (None, _) => return,
                (Some((lane, _)), 1) => self.start_one(lane.clone()),
                _ => self.start_together(members, lanes),
            }
        }
    }

    /// How many messages wait whose lanes have nothing under way.
    fn waiting(&self) -> usize {
        self.ready.iter().filter_map(|lane| self.lanes.get(lane)).map(|state| state.queue.len()).sum()
    }

    /// How many of them the next task takes. Few of them have a transaction each; many share those that there is room for.
    fn most_together(&self, room: usize, waiting: usize) -> usize {
        let Subscription { subscriber, breaker, pace, .. } = &*self.subscription;
        let spec = subscriber.spec();
        let is_noted_alone = spec.inbox && !spec.transactional;
        match spec.batch {
            _ if is_noted_alone || breaker.outage().is_some() => 1,
            Some(_) => pace.cap(),
            None => waiting.div_ceil(room).min(pace.most()).max(1),
        }
    }

    /// Whether there is no batch that ought to wait for more.
    fn is_filled(&mut self, waiting: usize) -> bool {
        let Some(BatchSize { max, wait }) = self.subscription.subscriber.spec.batch else { return true };
        // while it finds out which event fails, it does not wait
        let is_searching = self.subscription.pace.cap() < max;
        if wait.is_zero() || is_searching || waiting >= max {
            self.filling = None;
            return true;
        }
        let until = *self.filling.get_or_insert_with(|| Instant::now() + wait);
        self.is_filling = until > Instant::now();
        if !self.is_filling {
            self.filling = None;
        }
        !self.is_filling
    }

    /// Takes messages for one task from lanes that can start: one, if it is to be handled alone.
    fn take_ready(&mut self, most: usize) -> (Vec<Member>, Vec<(Lane, usize)>) {
        let (mut members, mut lanes) = (Vec::new(), Vec::new());
        let mut aside = VecDeque::new();
        while members.len() < most
            && let Some(lane) = self.ready.pop_front()
        {
            let Some(state) = self.lanes.get(&lane) else { continue };
            if state.alone > 0 && !members.is_empty() {
                aside.push_back(lane);
                continue;
            }
            let take = if state.alone > 0 { 1 } else { state.queue.len().min(most - members.len()) };
            let number = lanes.len();
            let member = |held: &Held| Member {
                // cheap: the payload is shared
                message: held.delivery.message.clone(),
                attempt: held.attempt,
                lane: number,
            };
            members.extend(state.queue.iter().take(take).map(member));
            let is_alone = state.alone > 0;
            lanes.push((lane, take));
            if is_alone {
                break;
            }
        }
        while let Some(lane) = aside.pop_back() {
            self.ready.push_front(lane);
        }
        (members, lanes)
    }

    fn start_one(&mut self, lane: Lane) {
        let Some(head) = self.lanes.get(&lane).and_then(|state| state.queue.front()) else { return };
        let (subscription, fence) = (Arc::clone(&self.subscription), self.turn.fence().cloned());
        let (message, attempt) = (head.delivery.message.clone(), head.attempt);
        let handle = async move { Done::One(subscription.handle(&message, attempt, None, fence.as_ref()).await) };
        let task = self.running.spawn(handle);
        self.under_way.insert(task.id(), Work::One(lane));
    }

    fn start_together(&mut self, members: Vec<Member>, lanes: Vec<(Lane, usize)>) {
        let (subscription, fence) = (Arc::clone(&self.subscription), self.turn.fence().cloned());
        let handle = async move {
            if subscription.subscriber.spec.transactional {
                Done::Together(subscription.handle_together(&members, fence.as_ref()).await)
            } else {
                Done::Several(subscription.handle_one_by_one(&members, fence.as_ref()).await)
            }
        };
        let task = self.running.spawn(handle);
        self.under_way.insert(task.id(), Work::Together(lanes));
    }

    async fn finished(&mut self, joined: Result<(Id, Done), tokio::task::JoinError>) {
        let (id, result) = match joined {
            Ok((id, result)) => (id, Some(result)),
            // handlers' panics are caught inside; this is a panic of the library, of what runs after a commit, or an abort
            Err(error) => (error.id(), None),
        };
        match (self.under_way.remove(&id), result) {
            (Some(Work::One(lane)), Some(Done::One(verdict))) => self.finished_one(lane, verdict).await,
            (Some(Work::One(lane)), _) => {
                self.finished_one(lane, Verdict::Again { pause: Duration::from_secs(1), counts: true }).await;
            }
            (Some(Work::Together(lanes)), Some(Done::Together(outcomes))) => {
                self.finished_together(lanes, outcomes).await;
            }
            (Some(Work::Together(lanes)), Some(Done::Several(verdicts))) => {
                self.finished_several(lanes, verdicts).await;
            }
            (Some(Work::Together(lanes)), _) => self.finished_together(lanes, Vec::new()).await,
            (None, _) => {}
        }
    }

    async fn finished_one(&mut self, lane: Lane, verdict: Verdict) {
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        match verdict {
            Verdict::Done | Verdict::Gone => {
                state.alone = state.alone.saturating_sub(1);
                if let Some(held) = state.queue.pop_front() {
                    held.done().await;
                }
                if state.queue.is_empty() {
                    self.lanes.remove(&lane);
                } else {
                    self.ready.push_back(lane);
                }
            }
            Verdict::Again { .. } if planted!(GivenBackOnError) => {
                if let Some(held) = state.queue.pop_front() {
                    bus::give_back(std::iter::once(held.delivery)).await;
                }
                self.ready.push_back(lane);
            }
            Verdict::Again { pause, counts } => {
                // until it is done or parked
                state.alone = state.alone.max(1);
                if let (Some(head), true) = (state.queue.front_mut(), counts) {
                    head.attempt = head.attempt.saturating_add(1);
                }
                if self.subscription.breaker.outage().is_some() {
                    // the breaker says when
                    self.ready.push_back(lane);
                } else {
                    if planted!(LaneForgotten) {
                        self.lanes.remove(&lane);
                    }
                    self.retries.insert(lane, pause);
                }
            }
        }
    }

    /// The same for several of each lane, from its head on. Those without a verdict were not tried.
    async fn finished_several(&mut self, lanes: Vec<(Lane, usize)>, verdicts: Vec<Option<Verdict>>) {
        let mut verdicts = verdicts.into_iter();
        for (lane, taken) in lanes {
            let verdicts: Vec<Verdict> = verdicts.by_ref().take(taken).flatten().collect();
            let Some(last) = verdicts.len().checked_sub(1) else {
                self.ready.push_back(lane);
                continue;
            };
            for (number, verdict) in verdicts.into_iter().enumerate() {
                if number == last {
                    self.finished_one(lane.clone(), verdict).await;
                } else if let Some(held) = self.lanes.get_mut(&lane).and_then(|state| state.queue.pop_front()) {
                    held.done().await;
                }
            }
        }
    }

    /// What is done leaves its lane; the rest goes on from the lane's head. What has no outcome is handled alone.
    async fn finished_together(&mut self, lanes: Vec<(Lane, usize)>, outcomes: Vec<Outcome>) {
        let mut outcomes = outcomes.into_iter();
        for (lane, taken) in lanes {
            let Some(state) = self.lanes.get_mut(&lane) else { continue };
            let mut rest = Vec::new();
            let mut alone = 0;
            for outcome in (0..taken).map(|_| outcomes.next().unwrap_or(Outcome::Alone)) {
                let Some(held) = state.queue.pop_front() else { break };
                if outcome == Outcome::Done {
                    held.done().await;
                    continue;
                }
                rest.push(held);
                if outcome == Outcome::Alone {
                    // those before it too, to keep their order
                    alone = rest.len();
                }
            }
            state.alone = alone;
            let is_done = rest.is_empty();
            for held in rest.into_iter().rev() {
                state.queue.push_front(held);
            }
            if state.queue.is_empty() {
                self.lanes.remove(&lane);
            } else if is_done {
                self.ready.push_back(lane);
            } else {
                // what has been tried comes before what has not
                self.ready.push_front(lane);
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
        let grace = if planted!(DeadlineIgnored) { grace * 100 } else { grace };
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
        let unfinished = self.under_way.values().map(Work::messages).sum();
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
        let running: HashSet<Lane> = self.under_way.values().flat_map(Work::lanes).cloned().collect();
        let waiting = self.lanes.extract_if(|lane, _| !running.contains(lane)).flat_map(|(_, state)| state.queue);
        bus::give_back(waiting.map(|held| held.delivery)).await;
    }
}
