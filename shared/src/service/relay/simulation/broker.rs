//! A broker of numbers: it acknowledges before it has written, forgets the end of a stream or all of it, drops what comes
//! again with an id that it remembers, and is not always heard.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::bus::batch::{NotTaken, Why};
use crate::bus::{StreamState, unavailable};
use crate::error::Result;
use crate::event::{Outgoing, subject};

pub(super) struct Broker {
    streams: BTreeMap<String, Stream>,
    down: bool,
    /// It is there, and does nothing until then.
    pub(super) frozen_until: Instant,
    /// It takes nothing.
    full: bool,
    /// How long it remembers ids.
    remembers: Duration,
    /// How many streams were made.
    made: i64,
    /// How many messages of others there were.
    others: u128,
    /// How often each stream has lost something.
    losses: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Stream {
    created_ns: i64,
    last: i64,
    messages: BTreeMap<i64, Uuid>,
    /// Ids that it remembers, where they are, and since when.
    remembered: BTreeMap<Uuid, (i64, Instant)>,
    /// What is on the disk: a crash takes the rest.
    written: i64,
}

impl Stream {
    fn store(&mut self, id: Uuid) -> i64 {
        self.last += 1;
        self.messages.insert(self.last, id);
        self.last
    }
}

impl Broker {
    pub(super) fn new() -> Self {
        Self {
            streams: BTreeMap::new(),
            down: false,
            frozen_until: Instant::now(),
            full: false,
            remembers: Duration::from_secs(120),
            made: 0,
            others: 0,
            losses: BTreeMap::new(),
        }
    }

    pub(super) fn remember_for(&mut self, time: Duration) {
        self.remembers = time;
    }

    pub(super) fn is_up(&self) -> bool {
        !self.down
    }

    pub(super) fn recover(&mut self) {
        self.down = false;
        self.full = false;
        self.frozen_until = Instant::now();
    }

    pub(super) fn fill_disk(&mut self, full: bool) {
        self.full = full;
    }

    pub(super) fn freeze(&mut self, time: Duration) {
        self.frozen_until = Instant::now() + time;
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.streams.keys().cloned().collect()
    }

    /// The streams, and when each was made.
    pub(super) fn made(&self) -> Vec<(String, i64)> {
        self.streams.iter().map(|(name, stream)| (name.clone(), stream.created_ns)).collect()
    }

    /// What is acknowledged gets written.
    pub(super) fn write(&mut self) {
        for stream in self.streams.values_mut() {
            stream.written = stream.last;
        }
    }

    pub(super) fn crash(&mut self) {
        self.down = true;
    }

    /// Loses what a stream has above some position; `choose` takes what is written and what is there.
    pub(super) fn lose(&mut self, choose: impl Fn(i64, i64) -> i64) -> Vec<(String, i64)> {
        let mut lost = Vec::new();
        for (name, stream) in &mut self.streams {
            let keep = choose(stream.written, stream.last);
            if keep < stream.last {
                stream.messages.retain(|sequence, _| *sequence <= keep);
                stream.remembered.retain(|_, (sequence, _)| *sequence <= keep);
                stream.last = keep;
                *self.losses.entry(name.clone()).or_default() += 1;
                lost.push((name.clone(), keep));
            }
            stream.written = stream.last;
        }
        lost
    }

    pub(super) fn start(&mut self) {
        self.down = false;
    }

    /// An operator deletes a stream.
    pub(super) fn delete(&mut self, name: &str) {
        self.streams.remove(name);
        *self.losses.entry(name.to_owned()).or_default() += 1;
    }

    pub(super) fn make(&mut self, name: &str) {
        if !self.streams.contains_key(name) {
            self.made += 1;
            let stream = Stream { created_ns: self.made, ..Stream::default() };
            self.streams.insert(name.to_owned(), stream);
        }
    }

    /// Somebody else publishes.
    pub(super) fn store_of_others(&mut self, name: &str) {
        self.others += 1;
        let id = Uuid::from_u128(u128::MAX - self.others);
        if let Some(stream) = self.streams.get_mut(name) {
            stream.store(id);
        }
    }

    pub(super) fn state(&self, name: &str) -> Option<StreamState> {
        let stream = self.streams.get(name)?;
        let first = stream.messages.keys().next().copied().unwrap_or(stream.last + 1);
        Some(StreamState { created_ns: stream.created_ns, first, last: stream.last })
    }

    pub(super) fn stored_id(&self, name: &str, sequence: i64) -> Result<Option<String>> {
        let stream = self.streams.get(name).ok_or_else(|| unavailable("there is no such stream"))?;
        Ok(stream.messages.get(&sequence).map(Uuid::to_string))
    }

    pub(super) fn losses(&self, name: &str) -> u64 {
        self.losses.get(name).copied().unwrap_or(0)
    }

    /// Whether a stream has an event below a position.
    pub(super) fn has_below(&self, name: &str, id: Uuid, sequence: i64) -> bool {
        let stream = self.streams.get(name);
        stream.is_some_and(|stream| stream.messages.range(..sequence).any(|(_, stored)| *stored == id))
    }

    /// Whether a stream has an event.
    pub(super) fn has(&self, name: &str, id: Uuid) -> bool {
        self.streams.get(name).is_some_and(|stream| stream.messages.values().any(|stored| *stored == id))
    }
}

pub(super) fn stream_of(subject: &str) -> String {
    subject::domain(subject).to_uppercase()
}

/// Where an event is.
#[derive(Debug)]
pub(super) enum Place {
    New(i64),
    /// The stream had it.
    Known(i64),
}

impl Broker {
    /// Stores one event, or several or none of them.
    pub(super) fn take(&mut self, name: &str, events: &[Outgoing]) -> Result<Vec<Place>, NotTaken> {
        let Self { streams, full, remembers, .. } = self;
        let Some(stream) = streams.get_mut(name) else {
            return Err(NotTaken::Failed(unavailable("no stream takes the subject")));
        };
        if *full {
            return Err(NotTaken::Failed(unavailable("the disk is full")));
        }
        let known = |stream: &Stream, event: &Outgoing| {
            let (at, since) = stream.remembered.get(&event.id)?;
            (since.elapsed() < *remembers).then_some(*at)
        };
        if events.len() > 1 && events.iter().any(|event| known(stream, event).is_some()) {
            return Err(NotTaken::Singly(Why::Repeated));
        }
        let place = |event: &Outgoing| {
            if let Some(at) = known(stream, event) {
                return Place::Known(at);
            }
            let sequence = stream.store(event.id);
            stream.remembered.insert(event.id, (sequence, Instant::now()));
            Place::New(sequence)
        };
        Ok(events.iter().map(place).collect())
    }
}
