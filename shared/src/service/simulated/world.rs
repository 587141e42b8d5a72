//! What has happened, and what may not.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::plan::{Course, Plan};
use crate::service::subscriber::Spread;
use crate::simulation::{Promise, Sim};

pub(super) struct World {
    pub(super) sim: Sim,
    pub(super) plan: Plan,
    /// How many replay letters, beside what is delivered.
    pub(super) operators: AtomicUsize,
    record: Mutex<Record>,
}

/// What is known of the events, by their numbers.
#[derive(Default)]
struct Record {
    events: Vec<Seen>,
    /// The last event of each key that was done with.
    last: BTreeMap<u8, usize>,
    /// How many tries may have failed by the end of an outage or of a standstill.
    allowed: u32,
    /// How many transactions were wanted while the database was away.
    refused: u32,
}

/// What is known of one event.
#[derive(Default, Clone)]
struct Seen {
    published: Option<Duration>,
    calls: u32,
    running: u32,
    /// How many tries were made to fail.
    failures: u32,
    handled: u32,
    parked: u32,
    /// How many of its letters were replayed.
    replayed: u32,
    effects: u32,
    drafts: u32,
    done: Option<Duration>,
}

/// What a transaction has done that has just been committed.
#[derive(Default)]
pub(super) struct Committed {
    /// The events that were noted as handled, with why those were parked that were.
    pub(super) noted: Vec<usize>,
    pub(super) letters: Vec<(usize, bool)>,
    pub(super) effects: Vec<usize>,
    pub(super) drafts: Vec<usize>,
    /// The event whose dead letter was replayed.
    pub(super) replayed: Option<usize>,
}

impl World {
    pub(super) fn new(sim: Sim, plan: Plan) -> Self {
        let events = vec![Seen::default(); plan.events.len()];
        Self { sim, plan, operators: AtomicUsize::new(0), record: Mutex::new(Record { events, ..Record::default() }) }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn published(&self, event: usize) {
        self.record().events[event].published = Some(self.sim.elapsed());
    }

    /// A handler is called; the number of the call.
    pub(super) fn called(&self, event: usize) -> u32 {
        let mut record = self.record();
        let seen = &mut record.events[event];
        (seen.calls, seen.running) = (seen.calls + 1, seen.running + 1);
        // a handler without a transaction is not kept from running for each of two copies
        let is_once = self.plan.transactional || !self.plan.events[event].twice;
        if seen.running > 1 && is_once && self.plan.calm {
            self.sim.breaks(Promise::G3, format!("two handlers of event {event} run at once"));
        }
        seen.calls
    }

    pub(super) fn returned(&self, event: usize) {
        self.record().events[event].running -= 1;
    }

    /// A try has failed that counts.
    pub(super) fn failed(&self, event: usize) {
        self.record().events[event].failures += 1;
    }

    /// Any try may have failed.
    pub(super) fn allow_a_failure(&self) {
        self.record().allowed += 1;
    }

    /// A transaction was wanted while the database was away.
    pub(super) fn refused(&self) {
        self.record().refused += 1;
    }

    /// How many were, since the last time.
    pub(super) fn take_refused(&self) -> u32 {
        std::mem::take(&mut self.record().refused)
    }

    pub(super) fn committed(&self, committed: &Committed) {
        let mut record = self.record();
        if let Some(event) = committed.replayed {
            self.sim.note(|| format!("the letter of event {event} is replayed"));
            record.events[event].replayed += 1;
        }
        // in the order in which the handlers ran, which is not that of the notes
        let without = committed.noted.iter().filter(|event| !committed.effects.contains(event));
        for &event in committed.effects.iter().chain(without) {
            let letter = committed.letters.iter().find(|(parked, _)| *parked == event).map(|(_, permanent)| *permanent);
            self.sim.note(|| format!("event {event} is {}", if letter.is_some() { "parked" } else { "handled" }));
            // somebody has decided about a replay, when others had long gone on
            if committed.replayed.is_none() {
                self.judge_order(&mut record, event);
            }
            record.events[event].done.get_or_insert(self.sim.elapsed());
            record.events[event].handled += u32::from(letter.is_none());
        }
        for &(event, permanent) in &committed.letters {
            record.events[event].parked += 1;
            self.judge_letter(&record, event, permanent);
        }
        for &event in &committed.effects {
            record.events[event].effects += 1;
        }
        for &event in &committed.drafts {
            record.events[event].drafts += 1;
        }
        let touched = committed.noted.iter().chain(&committed.effects).chain(&committed.drafts);
        for &event in touched.chain(committed.letters.iter().map(|(event, _)| event)) {
            let seen = &record.events[event];
            if seen.handled + seen.parked > 1 + seen.replayed || seen.effects > 1 || seen.drafts > 1 {
                self.sim.breaks(Promise::G3, format!("event {event} has its effects more than once"));
            }
        }
    }

    fn judge_order(&self, record: &mut Record, event: usize) {
        let Some(key) = self.plan.events[event].key.filter(|_| self.plan.spread != Spread::Unordered) else { return };
        let last = record.last.entry(key).or_insert(event);
        if *last > event {
            self.sim.breaks(Promise::G4, format!("event {event} of key {key} is done with after event {last}"));
        }
        *last = event.max(*last);
    }

    fn judge_letter(&self, record: &Record, event: usize, permanent: bool) {
        let Seen { failures, .. } = record.events[event];
        let course = self.plan.events[event].course;
        let exhausted = failures + record.allowed >= self.plan.retry.max;
        if !(if permanent { course.is_permanent() } else { exhausted }) {
            let how = format!("event {event} ({course:?}) was parked without a reason, after {failures} failures");
            self.sim.breaks(Promise::G5, how);
        }
    }

    /// Whether everything that was published is handled or parked.
    pub(super) fn is_done(&self) -> bool {
        self.record().events.iter().all(|seen| seen.published.is_some() && seen.done.is_some())
    }

    /// What does not fit at the end.
    pub(super) fn judge(&self) {
        let record = self.record();
        for (event, (seen, planned)) in record.events.iter().zip(&self.plan.events).enumerate() {
            let effects = if self.plan.transactional { seen.effects } else { seen.handled };
            if (seen.handled + seen.parked, effects, seen.drafts) != (1 + seen.replayed, seen.handled, seen.handled) {
                let Seen { handled, parked, effects, drafts, replayed, .. } = seen;
                let how = format!("handled {handled}, parked {parked}, effects {effects}, published {drafts}");
                self.sim.breaks(Promise::G3, format!("event {event}: {how}, replayed {replayed}"));
            }
            if planned.course.is_permanent() && seen.handled > 0 {
                self.sim.breaks(Promise::G5, format!("event {event} ({:?}) counts as handled", planned.course));
            }
        }
        if self.plan.calm {
            self.judge_neighbours(&record);
        }
    }

    /// While one key waits for retries, the others go on.
    fn judge_neighbours(&self, record: &Record) {
        let is_sound =
            |key: Option<u8>| self.plan.events.iter().all(|other| other.key != key || other.course.is_well());
        // until the claims are taken
        let begun = Duration::from_secs(1);
        for (event, (seen, planned)) in record.events.iter().zip(&self.plan.events).enumerate() {
            let (Some(published), Some(done)) = (seen.published, seen.done) else { continue };
            let is_free = if planned.key.is_none() { planned.course.is_well() } else { is_sound(planned.key) };
            let took = done.saturating_sub(published.max(begun));
            if is_free && took > Duration::from_millis(1_500) {
                self.sim.breaks(Promise::G5, format!("event {event} waited {took:?} for others"));
            }
        }
    }
}

impl Course {
    /// Whether this call fails, and how.
    pub(super) fn fails(self, call: u32) -> bool {
        match self {
            Self::Fails { times } | Self::Panics { times } | Self::Hangs { times } => call <= times,
            Self::Hopeless | Self::Poison | Self::Malformed => true,
            Self::Well { .. } | Self::Slow { .. } | Self::Missing { .. } => false,
        }
    }
}
