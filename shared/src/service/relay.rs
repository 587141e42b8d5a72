//! From the outbox to the bus: a single leader, in order per key, pipelined.

mod leader;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use self::leader::Leadership;
use crate::bus::{Ack, Bus};
use crate::db::Db;
use crate::db::outbox::{Pending, Published};
use crate::error::Result;

/// The most events that are on their way to the bus at once.
const WINDOW: usize = 1_024;

/// The most acknowledged events that wait for being marked.
const MARK: usize = 500;

/// Between looking for work: shortly after some was found, and when there was none for a while.
const POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// How often old rows are deleted.
const PRUNE: Duration = Duration::from_secs(600);

/// Publishes what is committed, until stopped. Of several processes on one database one does so at a time.
pub(crate) async fn run(db: Db, bus: Bus, retention: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let leadership = tokio::select! {
            () = stop.cancelled() => return,
            leadership = Leadership::acquire(&db) => leadership,
        };
        let Some(mut leadership) = leadership else { continue };
        tracing::debug!("this process publishes the outbox");
        let mut relay = Relay::new(db.clone(), bus.clone(), retention);
        tokio::select! {
            () = relay.run(&stop) => {}
            () = leadership.lost() => {
                tracing::warn!("the lock of the outbox was lost; another process may publish it now");
            }
        }
        leadership.release().await;
    }
}

type Sent = BoxFuture<'static, (Pending, Result<Ack>)>;

struct Relay {
    db: Db,
    bus: Bus,
    retention: Duration,
    in_flight: FuturesUnordered<Sent>,
    /// Rows that were read and are not marked yet.
    known: HashSet<i64>,
    /// Keys with an event on its way, and the later events of the same key. The next one is sent when the one
    /// before is acknowledged: after a failure it must not have overtaken.
    lanes: HashMap<String, VecDeque<Pending>>,
    acked: Vec<Published>,
    poll: Duration,
    pruned: Option<Instant>,
}

impl Relay {
    fn new(db: Db, bus: Bus, retention: Duration) -> Self {
        Self {
            db,
            bus,
            retention,
            in_flight: FuturesUnordered::new(),
            known: HashSet::new(),
            lanes: HashMap::new(),
            acked: Vec::new(),
            poll: POLL.0,
            pruned: None,
        }
    }

    async fn run(&mut self, stop: &CancellationToken) {
        loop {
            self.read().await;
            self.prune().await;
            let until = tokio::time::sleep(self.poll);
            tokio::pin!(until);
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return self.wind_down().await,
                    Some((pending, result)) = self.in_flight.next() => {
                        self.acknowledged(pending, result).await;
                        // mark what came together in one statement
                        if self.acked.len() >= MARK || !self.next_is_ready().await {
                            self.mark().await;
                        }
                        if self.known.len() < WINDOW / 2 {
                            break;
                        }
                    }
                    () = self.db.nudged(), if self.known.len() < WINDOW => break,
                    () = &mut until => break,
                }
            }
        }
    }

    /// Takes further acknowledgements that are there already.
    async fn next_is_ready(&mut self) -> bool {
        while self.acked.len() < MARK {
            let Some(Some((pending, result))) = futures_util::FutureExt::now_or_never(self.in_flight.next()) else {
                return false;
            };
            self.acknowledged(pending, result).await;
        }
        true
    }

    async fn read(&mut self) {
        if self.known.len() >= WINDOW {
            return;
        }
        // rows on their way are still unpublished in the table, so as many more are read
        let rows = match self.db.outbox().unpublished(WINDOW + self.known.len()).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(error = error.report(), "the outbox cannot be read; trying again");
                self.poll = Duration::from_secs(1);
                return;
            }
        };
        let mut fresh = 0;
        for pending in rows {
            if self.known.len() >= WINDOW {
                break;
            }
            if self.known.insert(pending.seq) {
                fresh += 1;
                self.enqueue(pending).await;
            }
        }
        self.poll = if fresh > 0 { POLL.0 } else { (self.poll * 2).min(POLL.1) };
    }

    async fn enqueue(&mut self, pending: Pending) {
        if let Some(key) = pending.event.key.clone() {
            if let Some(waiting) = self.lanes.get_mut(&key) {
                waiting.push_back(pending);
                return;
            }
            self.lanes.insert(key, VecDeque::new());
        }
        self.send(pending).await;
    }

    async fn send(&mut self, pending: Pending) {
        match self.bus.send(&pending.event).await {
            Ok(acked) => self.in_flight.push(Box::pin(async move { (pending, acked.await) })),
            Err(error) => self.failed(&pending, &error),
        }
    }

    async fn acknowledged(&mut self, pending: Pending, result: Result<Ack>) {
        match result {
            Ok(ack) => {
                self.acked.push(Published {
                    seq: pending.seq,
                    stream: ack.stream,
                    stream_seq: i64::try_from(ack.sequence).unwrap_or(i64::MAX),
                });
                if let Some(key) = &pending.event.key {
                    match self.lanes.get_mut(key).and_then(VecDeque::pop_front) {
                        Some(next) => self.send(next).await,
                        None => {
                            self.lanes.remove(key);
                        }
                    }
                }
            }
            Err(error) => self.failed(&pending, &error),
        }
    }

    /// Forgets the event and the later ones of its key; they are read again and sent under their old ids.
    fn failed(&mut self, pending: &Pending, error: &crate::Error) {
        tracing::warn!(
            event_id = %pending.event.id,
            subject = %pending.event.subject,
            error = error.report(),
            "an event could not be published; it stays in the outbox and is tried again"
        );
        self.known.remove(&pending.seq);
        if let Some(key) = &pending.event.key {
            for later in self.lanes.remove(key).into_iter().flatten() {
                self.known.remove(&later.seq);
            }
        }
        self.poll = Duration::from_millis(500);
    }

    async fn mark(&mut self) {
        if self.acked.is_empty() {
            return;
        }
        match self.db.outbox().mark(&self.acked).await {
            Ok(()) => {
                for done in self.acked.drain(..) {
                    self.known.remove(&done.seq);
                }
            }
            Err(error) => {
                // they stay known, so they are not sent again, and are marked with the next ones
                tracing::warn!(error = error.report(), "published events cannot be marked; trying again");
            }
        }
    }

    async fn prune(&mut self) {
        // marks that failed before
        self.mark().await;
        if self.pruned.is_some_and(|at| at.elapsed() < PRUNE) {
            return;
        }
        self.pruned = Some(Instant::now());
        loop {
            match self.db.outbox().prune(self.retention).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = error.report(), "old rows of the outbox cannot be deleted; trying again later");
                    return;
                }
            }
        }
    }

    /// Waits a moment for acknowledgements under way, so that fewer events are sent twice.
    async fn wind_down(&mut self) {
        let rest = async {
            while let Some((pending, result)) = self.in_flight.next().await {
                if let Ok(ack) = result {
                    self.acked.push(Published {
                        seq: pending.seq,
                        stream: ack.stream,
                        stream_seq: i64::try_from(ack.sequence).unwrap_or(i64::MAX),
                    });
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), rest).await;
        self.mark().await;
    }
}
