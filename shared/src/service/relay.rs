//! From the outbox to the bus: a single leader, in order per key, pipelined.

mod audit;
mod batches;
mod chores;
mod counters;
mod known;
mod leader;
mod marking;
mod nudges;
mod reading;
mod replay;
mod schedule;
mod seat;
#[cfg(test)]
mod simulation;
mod stalled;
mod store;
mod transport;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::batches::Batches;
use self::chores::Chores;
pub(crate) use self::counters::Counters;
use self::known::Known;
pub(crate) use self::leader::Leadership;
use self::leader::{Candidate, Fence};
use self::marking::{MARK, Marking};
use self::nudges::Nudges;
use self::schedule::Schedule;
use self::stalled::Stalled;
use self::store::Store;
use self::transport::Transport;
use crate::bus::batch::NotTaken;
use crate::bus::{Ack, Bus};
use crate::db::Db;
use crate::db::outbox::{Pending, Published};
use crate::error::{Error, Result};
use crate::event::subject;
use crate::service::retention::Retention;
use crate::time::Clock;

/// The most events that are on their way to the bus at once.
pub(crate) const WINDOW: usize = 1_024;

/// Between looking for work: shortly after some was found, and when there was none for a while.
const POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// The pause after a failed publish.
const RETRY: Duration = Duration::from_millis(500);

/// How long a process that must be alone waits for the one before it to be gone.
const ALONE: Duration = Duration::from_secs(10);

/// The right to publish the outbox, for a process that must be the only one on its database.
///
/// # Errors
/// [`Error::Config`]: another process has it.
pub(crate) async fn lead_alone(db: &Db) -> Result<Leadership<Db>> {
    let until = Instant::now() + ALONE;
    let mut candidate = Candidate::new(db, false);
    loop {
        if let Some(leadership) = candidate.ask().await {
            return Ok(leadership);
        }
        if Instant::now() >= until {
            return Err(Error::config(
                "NATS_URL",
                "another process runs on the same database, and without NATS neither would hear of the other's events",
                "set it to a NATS server that both use, or stop the other process",
            ));
        }
    }
}

/// What a relay works with.
#[derive(Clone)]
pub(crate) struct Setup<S = Db, T = Bus> {
    pub(crate) db: S,
    pub(crate) bus: T,
    /// The most events that are on their way at once; see [`WINDOW`].
    pub(crate) window: usize,
    /// How long published events are kept.
    pub(crate) retention: Duration,
    /// How long everything else is kept, which the leader looks after too.
    pub(crate) kept: Retention,
    pub(crate) counters: Arc<Counters>,
    /// What shows whether a scheduled event is due, if not the system's clock.
    pub(crate) clock: Option<Clock>,
}

/// Publishes what is committed, until stopped. Of several processes on one database one does so at a time; `leading` is
/// the right to it, if this process has it already.
pub(crate) async fn run<S: Store, T: Transport>(
    setup: Setup<S, T>,
    stop: CancellationToken,
    mut leading: Option<Leadership<S>>,
) {
    // without NATS there is no second process
    let mut candidate = Candidate::new(&setup.db, !setup.bus.is_local());
    let mut nudges = Nudges::new(&setup.db, &setup.bus);
    while !stop.is_cancelled() {
        let leadership = match leading.take() {
            Some(leadership) => Some(leadership),
            None => tokio::select! {
                biased;
                () = stop.cancelled() => return,
                leadership = candidate.ask() => leadership,
                never = nudges.pass_on() => match never {},
            },
        };
        let Some(mut leadership) = leadership else { continue };
        tracing::debug!("this process publishes the outbox");
        setup.counters.lead(true);
        let mut relay = Relay::new(setup.clone(), leadership.fence(), nudges.of_others().await);
        tokio::select! {
            biased;
            () = leadership.lost() => {
                tracing::warn!("the lock of the outbox was lost; another process may publish it now");
            }
            () = relay.run(&stop) => {}
            () = setup.db.sweep(&setup.kept) => {}
        }
        setup.counters.lead(false);
        // what a leader has in hand must not be sent when it is none any more
        setup.bus.close_link();
        leadership.release().await;
    }
}

/// What is on its way.
type Sent = BoxFuture<'static, Answer>;

/// What was sent, the highest position that its domain's stream had given before, and what the bus says.
enum Answer {
    Single(Pending, u64, Result<Ack>),
    Batch(Vec<Pending>, u64, Result<Vec<Ack>, NotTaken>),
}

/// Events that wait for an earlier one, by key.
type Lanes = HashMap<String, VecDeque<Pending>>;

struct Relay<S, T> {
    db: S,
    bus: T,
    window: usize,
    retention: Duration,
    counters: Arc<Counters>,
    fence: Fence,
    /// Other processes have committed something.
    nudges: BoxStream<'static, ()>,
    in_flight: FuturesUnordered<Sent>,
    known: Known,
    /// Keys with an event on its way, and the later events of the same key. The next one is sent when the one
    /// before is acknowledged: after a failure it must not have overtaken.
    lanes: Lanes,
    /// For a bus that takes several events as one: whose turn it is. Lanes then have all that is not on its way.
    batches: Option<Batches>,
    stalled: Stalled,
    retry_at: Instant,
    /// Everything up to here was read in this scan.
    position: i64,
    /// The highest number ever seen.
    highest: Option<i64>,
    /// Numbers that were given to transactions which had not committed when a later number was read, and when to
    /// take them for rolled back.
    gaps: BTreeMap<i64, Instant>,
    /// Until when a gap is open that is too large for `gaps`.
    wide_until: Instant,
    rescan_at: Instant,
    marking: Marking,
    poll: Duration,
    chores: Chores,
    schedule: Schedule,
    /// The connection on which the broker was found to have what it had acknowledged.
    audited: Option<u64>,
    /// When to look again whether it has.
    audit_at: Instant,
    /// When to try again to open a connection.
    link_at: Instant,
    /// The connection is another one, and has not been looked at.
    relinked: bool,
    /// For each domain, the stream that takes it and the highest position that it has given.
    floors: HashMap<String, (String, u64)>,
}

impl<S: Store, T: Transport> Relay<S, T> {
    fn new(setup: Setup<S, T>, fence: Fence, nudges: BoxStream<'static, ()>) -> Self {
        let Setup { db, bus, window, retention, counters, clock, kept: _ } = setup;
        let batches = bus.batches().then(|| Batches::new(window));
        Self {
            db,
            bus,
            window,
            retention,
            counters,
            fence,
            nudges,
            in_flight: FuturesUnordered::new(),
            known: Known::default(),
            lanes: Lanes::new(),
            batches,
            stalled: Stalled::default(),
            retry_at: Instant::now(),
            position: 0,
            highest: None,
            gaps: BTreeMap::new(),
            wide_until: Instant::now(),
            rescan_at: Instant::now() + reading::RESCAN,
            marking: Marking::default(),
            poll: POLL.0,
            chores: Chores::default(),
            schedule: Schedule::new(clock),
            audited: None,
            audit_at: Instant::now(),
            link_at: Instant::now(),
            relinked: false,
            floors: HashMap::new(),
        }
    }

    async fn run(&mut self, stop: &CancellationToken) {
        loop {
            let may_send = tokio::select! {
                biased;
                () = stop.cancelled() => return self.wind_down().await,
                may_send = self.may_send() => may_send,
            };
            self.release().await;
            if may_send && let Err(error) = self.read().await {
                tracing::warn!(error = error.report(), "the outbox cannot be read; trying again");
                self.poll = Duration::from_secs(1);
            }
            self.do_chores().await;
            let until = tokio::time::sleep(self.schedule.pause(self.poll));
            tokio::pin!(until);
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return self.wind_down().await,
                    Some(answer) = self.in_flight.next() => {
                        self.answered(answer).await;
                        // mark what came together in one statement
                        self.take_answers().await;
                        self.send_waiting().await;
                        self.start_marking();
                        if self.known.is_half_empty(self.window) {
                            break;
                        }
                    }
                    Some((batch, result)) = self.marking.next() => {
                        let again = result.is_ok();
                        self.marked(batch, result);
                        if again {
                            self.start_marking();
                        }
                        if self.known.is_half_empty(self.window) {
                            break;
                        }
                    }
                    () = self.db.nudged(), if self.known.has_room(self.window) => break,
                    Some(()) = self.nudges.next(), if self.known.has_room(self.window) => {
                        // several at once are as good as one
                        while let Some(Some(())) = self.nudges.next().now_or_never() {}
                        break;
                    }
                    () = &mut until => break,
                }
            }
        }
    }

    /// Takes further answers that are there already.
    async fn take_answers(&mut self) {
        while self.marking.waiting() < MARK {
            let Some(Some(answer)) = self.in_flight.next().now_or_never() else { return };
            self.answered(answer).await;
        }
    }

    /// Returns whether any of them was not known.
    async fn enqueue_all(&mut self, rows: Vec<Pending>) -> bool {
        let mut fresh = false;
        for pending in rows {
            if self.known.insert(&pending) {
                fresh = true;
                self.enqueue(pending).await;
            }
        }
        self.send_waiting().await;
        fresh
    }

    async fn enqueue(&mut self, pending: Pending) {
        if self.stalled.join(pending.event.key.as_deref(), pending.seq) {
            return self.known.remove(pending.seq);
        }
        if let Some(batches) = &mut self.batches {
            return batches.wait(&mut self.lanes, pending);
        }
        if let Some(key) = &pending.event.key {
            if let Some(waiting) = self.lanes.get_mut(key) {
                waiting.push_back(pending);
                return;
            }
            self.lanes.insert(key.clone(), VecDeque::new());
        }
        self.send(pending).await;
    }

    async fn send(&mut self, pending: Pending) {
        let link = match self.link_for(&pending).await {
            Ok(Some(link)) => link,
            Ok(None) => {
                self.is_back(&pending);
                return self.set_aside(&pending);
            }
            Err(error) => {
                self.is_back(&pending);
                return self.failed(&pending, &error);
            }
        };
        let floor = self.floor(&pending);
        match self.bus.send_on(link, &pending.event).await {
            Ok(acked) => self.in_flight.push(Box::pin(async move { Answer::Single(pending, floor, acked.await) })),
            Err(error) => {
                self.is_back(&pending);
                self.failed(&pending, &error);
            }
        }
    }

    /// The connection to send an event on, once its stream is there. Whether this process publishes is asked only then:
    /// the server's answer may take as long as another process takes to take over.
    async fn link_for(&mut self, pending: &Pending) -> Result<Option<u64>> {
        if self.sure().is_some() {
            self.bus.prepare(&pending.event).await?;
        }
        Ok(self.sure())
    }

    /// The highest position that the stream of an event's domain has given.
    fn floor(&self, pending: &Pending) -> u64 {
        self.floors.get(subject::domain(&pending.event.subject)).map_or(0, |(_, floor)| *floor)
    }

    async fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Single(pending, floor, result) => self.acknowledged(pending, floor, result).await,
            Answer::Batch(batch, floor, result) => self.batch_answered(batch, floor, result),
        }
    }

    async fn acknowledged(&mut self, pending: Pending, floor: u64, result: Result<Ack>) {
        self.is_back(&pending);
        match result {
            Ok(ack) => {
                if !self.taken(&pending, floor, ack) {
                    return;
                }
                let Some(key) = &pending.event.key else { return };
                if let Some(batches) = &mut self.batches {
                    return batches.go_on(&mut self.lanes, key);
                }
                match self.lanes.get_mut(key).and_then(VecDeque::pop_front) {
                    Some(next) => self.send(next).await,
                    None => {
                        self.lanes.remove(key);
                    }
                }
            }
            Err(error) => self.failed(&pending, &error),
        }
    }

    fn is_back(&mut self, pending: &Pending) {
        if let Some(batches) = &mut self.batches {
            batches.single_is_back(pending);
        }
    }

    /// Notes an acknowledgement, if it can be believed.
    fn taken(&mut self, pending: &Pending, floor: u64, ack: Ack) -> bool {
        if !self.believes(pending, floor, &ack) {
            self.set_aside(pending);
            return false;
        }
        self.counters.took(&pending.event);
        self.known.taken(pending.seq);
        let stream_seq = i64::try_from(ack.sequence).unwrap_or(i64::MAX);
        self.marking.push(Published { seq: pending.seq, stream: ack.stream, stream_seq });
        true
    }

    fn failed(&mut self, pending: &Pending, error: &Error) {
        tracing::warn!(
            event_id = %pending.event.id,
            subject = %pending.event.subject,
            error = error.report(),
            "an event could not be published; it stays in the outbox and is tried again"
        );
        self.put_off(pending, error);
    }

    fn put_off(&mut self, pending: &Pending, error: &Error) {
        self.counters.failed();
        if !matches!(error, Error::Bus { .. }) {
            // its stream may have been deleted
            self.audit_at = Instant::now();
        }
        self.set_aside(pending);
    }

    /// Puts the event and the later ones of its key aside; they are read again and sent under their old ids.
    fn set_aside(&mut self, pending: &Pending) {
        let key = &pending.event.key;
        let waiting = key.as_ref().and_then(|key| self.lanes.remove(key)).unwrap_or_default();
        for seq in waiting.iter().map(|later| later.seq).chain([pending.seq]) {
            self.known.remove(seq);
            self.stalled.insert(key.as_deref(), seq);
        }
        self.retry_at = Instant::now() + RETRY;
        self.poll = RETRY;
    }

    /// Publishes what the last handlers have committed, and waits a moment for acknowledgements under way, so that
    /// fewer events are sent twice.
    async fn wind_down(&mut self) {
        let rest = async {
            if self.bus.is_local() {
                // nobody is left to take what has not been sent
                self.lanes.clear();
            } else if self.sure().is_some() {
                let _tried_again_at_the_next_start = self.read().await;
            }
            while let Some(answer) = self.in_flight.next().await {
                self.answered(answer).await;
                self.send_waiting().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), rest).await;
        self.mark_all().await;
    }
}
