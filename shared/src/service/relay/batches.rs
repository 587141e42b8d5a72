//! Several events as one, for a broker that syncs its disk before it acknowledges: one sync for all of them. What waits
//! while others are on their way goes together; an event that comes alone goes alone, and at once.
//!
//! A key has its turn when nothing of it is on its way. In a batch everything that waits of it goes along, in its order,
//! since a batch is stored as a whole or not at all. What the broker does not take as a whole goes one by one.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::store::Store;
use super::transport::Transport;
use super::{Answer, Lanes, Relay};
use crate::bus::Ack;
use crate::bus::batch::{NotTaken, Why};
use crate::db::outbox::Pending;
use crate::event::subject;

/// A batch takes the server as long as some single events: fewer go one by one.
const LEAST: usize = 8;

/// The most bytes in a batch.
const BYTES: usize = 4 << 20;

/// The most single events on their way to a stream. It syncs one after the other: more would only wait there.
const SINGLES: usize = LEAST;

/// The most batches on their way to a stream. The second one only when it is full.
const BATCHES: usize = 2;

/// What waits for its turn.
#[derive(Debug)]
pub(super) struct Batches {
    domains: BTreeMap<String, Domain>,
    /// Events that go one by one, by their numbers.
    singly: HashSet<i64>,
    /// The most events in a batch.
    most: usize,
}

/// The events of one domain, which go to one stream.
#[derive(Debug, Default)]
struct Domain {
    turns: VecDeque<Turn>,
    /// The turns of what goes one by one. They come first, and no batch beside them.
    alone: VecDeque<Turn>,
    singles_sent: usize,
    batches_sent: usize,
}

#[derive(Debug)]
enum Turn {
    /// Whatever waits of this key. Nothing of it is on its way.
    Key(String),
    /// An event without a key.
    Event(Box<Pending>),
}

/// What goes next.
#[derive(Debug)]
enum Next {
    Single(Pending),
    Batch(Vec<Pending>),
}

impl Batches {
    /// While half of the window is on its way, the other half is read. The server takes 1,000 events at once.
    pub(super) fn new(window: usize) -> Self {
        Self { domains: BTreeMap::new(), singly: HashSet::new(), most: (window / 2).clamp(LEAST, 1_000) }
    }

    /// Puts an event into its lane. A key that is new has its turn.
    pub(super) fn wait(&mut self, lanes: &mut Lanes, pending: Pending) {
        let Some(key) = pending.event.key.clone() else {
            return self.push(lanes, Turn::Event(Box::new(pending)));
        };
        if let Some(lane) = lanes.get_mut(&key) {
            return lane.push_back(pending);
        }
        lanes.insert(key.clone(), VecDeque::from([pending]));
        self.push(lanes, Turn::Key(key));
    }

    /// Nothing of a key is on its way any more: what waits of it has its turn.
    pub(super) fn go_on(&mut self, lanes: &mut Lanes, key: &str) {
        match lanes.get(key) {
            Some(lane) if !lane.is_empty() => self.push(lanes, Turn::Key(key.to_owned())),
            _ => drop(lanes.remove(key)),
        }
    }

    /// Puts the events of a batch back into their lanes: they go in smaller batches if the server wants that, or one by
    /// one.
    fn part(&mut self, lanes: &mut Lanes, batch: Vec<Pending>, why: Why) {
        let keys = keys(&batch);
        if why == Why::TooMany && batch.len() > LEAST {
            self.most = (batch.len() / 2).max(LEAST);
        } else {
            self.singly.extend(batch.iter().map(|pending| pending.seq));
        }
        for pending in batch.into_iter().rev() {
            match pending.event.key.clone() {
                Some(key) => lanes.entry(key).or_default().push_front(pending),
                None => self.push(lanes, Turn::Event(Box::new(pending))),
            }
        }
        for key in keys {
            self.push(lanes, Turn::Key(key));
        }
    }

    fn push(&mut self, lanes: &Lanes, turn: Turn) {
        let Some(head) = turn.head(lanes) else { return };
        let alone = self.singly.contains(&head.seq);
        let domain = self.domains.entry(subject::domain(&head.event.subject).to_owned()).or_default();
        if alone { &mut domain.alone } else { &mut domain.turns }.push_back(turn);
    }

    /// What goes next, of any domain.
    fn next(&mut self, lanes: &mut Lanes) -> Option<Next> {
        let Self { domains, singly, most } = self;
        domains.iter_mut().find_map(|(name, domain)| {
            if !domain.alone.is_empty() {
                return domain.single(lanes);
            }
            if domain.waits_less_than(LEAST, lanes) {
                return domain.single(lanes);
            }
            domain.batch(name, *most, lanes, singly)
        })
    }

    /// A single event is not on its way any more.
    pub(super) fn single_is_back(&mut self, pending: &Pending) {
        self.singly.remove(&pending.seq);
        if let Some(domain) = self.domains.get_mut(subject::domain(&pending.event.subject)) {
            domain.singles_sent = domain.singles_sent.saturating_sub(1);
        }
    }

    fn batch_is_back(&mut self, batch: &[Pending]) {
        let domain = batch.first().map(|pending| subject::domain(&pending.event.subject));
        if let Some(domain) = domain.and_then(|domain| self.domains.get_mut(domain)) {
            domain.batches_sent = domain.batches_sent.saturating_sub(1);
        }
    }
}

impl Turn {
    /// The first event of it.
    fn head<'a>(&'a self, lanes: &'a Lanes) -> Option<&'a Pending> {
        match self {
            Self::Key(key) => lanes.get(key)?.front(),
            Self::Event(pending) => Some(pending),
        }
    }

    fn len(&self, lanes: &Lanes) -> usize {
        match self {
            Self::Key(key) => lanes.get(key).map_or(0, VecDeque::len),
            Self::Event(_) => 1,
        }
    }
}

impl Domain {
    fn waits_less_than(&self, events: usize, lanes: &Lanes) -> bool {
        let mut waits = 0;
        for turn in &self.turns {
            waits += turn.len(lanes);
            if waits >= events {
                return false;
            }
        }
        true
    }

    fn single(&mut self, lanes: &mut Lanes) -> Option<Next> {
        if self.batches_sent > 0 || self.singles_sent >= SINGLES {
            return None;
        }
        let pending = match self.alone.pop_front().or_else(|| self.turns.pop_front())? {
            Turn::Key(key) => lanes.get_mut(&key)?.pop_front()?,
            Turn::Event(pending) => *pending,
        };
        self.singles_sent += 1;
        Some(Next::Single(pending))
    }

    fn batch(&mut self, name: &str, most: usize, lanes: &mut Lanes, singly: &HashSet<i64>) -> Option<Next> {
        if self.batches_sent >= BATCHES || (self.batches_sent > 0 && self.waits_less_than(most, lanes)) {
            return None;
        }
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(turn) = self.turns.front() {
            let head = turn.head(lanes)?;
            if batch.len() >= most || (bytes > 0 && bytes + head.event.bytes() > BYTES) {
                break;
            }
            match self.turns.pop_front()? {
                Turn::Event(pending) => {
                    bytes += pending.event.bytes();
                    batch.push(*pending);
                }
                Turn::Key(key) => {
                    let lane = lanes.get_mut(&key)?;
                    while let Some(pending) = lane.pop_front_if(|next| {
                        batch.len() < most
                            && (bytes == 0 || bytes + next.event.bytes() <= BYTES)
                            && !singly.contains(&next.seq)
                            && subject::domain(&next.event.subject) == name
                    }) {
                        bytes += pending.event.bytes();
                        batch.push(pending);
                    }
                }
            }
        }
        self.batches_sent += 1;
        Some(Next::Batch(batch))
    }
}

/// The keys of a batch, in which the events of a key are beside each other.
fn keys(batch: &[Pending]) -> Vec<String> {
    let mut keys: Vec<String> = batch.iter().filter_map(|pending| pending.event.key.clone()).collect();
    keys.dedup();
    keys
}

impl<S: Store, T: Transport> Relay<S, T> {
    /// Sends what waits, as far as it may be on its way beside what already is.
    pub(super) async fn send_waiting(&mut self) {
        while let Some(next) = self.batches.as_mut().and_then(|batches| batches.next(&mut self.lanes)) {
            match next {
                Next::Single(pending) => self.send(pending).await,
                Next::Batch(batch) => self.send_batch(batch).await,
            }
        }
    }

    async fn send_batch(&mut self, batch: Vec<Pending>) {
        let Some(first) = batch.first() else { return };
        let floor = self.floor(first);
        let link = match self.link_for(first).await {
            Ok(Some(link)) => link,
            Ok(None) => {
                self.batch_is_back(&batch);
                return batch.iter().for_each(|pending| self.set_aside(pending));
            }
            Err(error) => return self.batch_answered(batch, floor, Err(NotTaken::Failed(error))),
        };
        let events: Vec<_> = batch.iter().map(|pending| &pending.event).collect();
        match self.bus.send_batch_on(link, &events).await {
            Ok(acked) => self.in_flight.push(Box::pin(async move { Answer::Batch(batch, floor, acked.await) })),
            Err(error) => self.batch_answered(batch, floor, Err(error)),
        }
    }

    pub(super) fn batch_answered(&mut self, batch: Vec<Pending>, floor: u64, result: Result<Vec<Ack>, NotTaken>) {
        self.batch_is_back(&batch);
        match result {
            Ok(acks) => {
                for (pending, ack) in batch.iter().zip(acks) {
                    self.taken(pending, floor, ack);
                }
                if let Some(batches) = &mut self.batches {
                    keys(&batch).iter().for_each(|key| batches.go_on(&mut self.lanes, key));
                }
            }
            Err(NotTaken::Singly(why)) => {
                tracing::debug!(events = batch.len(), "a batch was not taken, {}; it goes in parts", why.as_str());
                if let Some(batches) = &mut self.batches {
                    batches.part(&mut self.lanes, batch, why);
                }
            }
            Err(NotTaken::Failed(error)) => {
                tracing::warn!(
                    events = batch.len(),
                    error = error.report(),
                    "events could not be published; they stay in the outbox and are tried again"
                );
                batch.iter().for_each(|pending| self.put_off(pending, &error));
            }
        }
    }

    fn batch_is_back(&mut self, batch: &[Pending]) {
        if let Some(batches) = &mut self.batches {
            batches.batch_is_back(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use uuid::Uuid;

    use super::*;
    use crate::event::{Headers, Outgoing, Shape};

    fn pending(seq: i64, subject: &str, key: Option<&str>, bytes: usize) -> Pending {
        let event = Outgoing {
            id: Uuid::nil(),
            subject: subject.to_owned(),
            event_type: subject.to_owned(),
            key: key.map(ToOwned::to_owned),
            headers: Headers::new(),
            payload: vec![0; bytes].into(),
            time: crate::time::now(),
            shape: Shape::Binary,
        };
        Pending { seq, event }
    }

    struct Place {
        batches: Batches,
        lanes: Lanes,
    }

    impl Place {
        fn new() -> Self {
            Self { batches: Batches::new(1_024), lanes: Lanes::new() }
        }

        fn wait(&mut self, seqs: impl IntoIterator<Item = i64>, subject: &str, key: Option<&str>) {
            for seq in seqs {
                self.batches.wait(&mut self.lanes, pending(seq, subject, key, 10));
            }
        }

        /// The numbers of what goes next.
        fn next(&mut self) -> Option<Vec<i64>> {
            self.batches.next(&mut self.lanes).map(|next| match next {
                Next::Single(pending) => vec![pending.seq],
                Next::Batch(batch) => batch.iter().map(|pending| pending.seq).collect(),
            })
        }
    }

    #[test]
    fn few_go_alone_and_at_once() {
        let mut place = Place::new();
        place.wait([1], "note.taken", None);
        assert_eq!(place.next(), Some(vec![1]));
        place.wait([2], "note.taken", Some("a"));
        place.wait([3], "note.taken", Some("a"));
        assert_eq!(place.next(), Some(vec![2]));
        assert_eq!(place.next(), None, "the next one of a key waits");
        place.batches.single_is_back(&pending(2, "note.taken", Some("a"), 10));
        place.batches.go_on(&mut place.lanes, "a");
        assert_eq!(place.next(), Some(vec![3]));
    }

    #[test]
    fn what_waits_goes_together_with_all_of_its_key() {
        let mut place = Place::new();
        place.wait(1..=6, "note.taken", Some("a"));
        place.wait(7..=8, "note.taken", None);
        place.wait(9..=10, "note.taken", Some("b"));
        assert_eq!(place.next(), Some((1..=10).collect()));
        place.wait(11..=30, "note.taken", Some("a"));
        place.wait(31..=50, "note.taken", None);
        assert_eq!(place.next(), None, "the first one is on its way, and this one is not full");
        place.wait(51..=1_000, "note.taken", None);
        assert_eq!(place.next(), Some((31..31 + 512).collect()));
    }

    #[test]
    fn each_domain_has_batches_of_its_own_and_keys_go_through_both() {
        let mut place = Place::new();
        place.wait(1..=10, "note.taken", Some("a"));
        place.wait([11], "memo.written", Some("a"));
        place.wait(12..=20, "memo.written", None);
        assert_eq!(place.next(), Some((12..=20).collect()), "without the one that has to wait for the other domain");
        assert_eq!(place.next(), Some((1..=10).collect()));
        place.batches.go_on(&mut place.lanes, "a");
        place.batches.batch_is_back(&[pending(20, "memo.written", None, 10)]);
        assert_eq!(place.next(), Some(vec![11]));
    }

    #[test]
    fn large_events_make_small_batches() {
        let mut place = Place::new();
        for seq in 1..=20 {
            place.batches.wait(&mut place.lanes, pending(seq, "note.taken", Some("a"), BYTES / 3));
        }
        assert_eq!(place.next(), Some(vec![1, 2]));
        let mut place = Place::new();
        for seq in 1..=20 {
            place.batches.wait(&mut place.lanes, pending(seq, "note.taken", None, BYTES * 2));
        }
        assert_eq!(place.next(), Some(vec![1]), "one event is always taken");
    }

    /// Against a broker that takes batches or not, and loses some: of each key no event overtakes another, none is on its
    /// way twice, and in the end all are stored.
    #[test]
    fn keys_stay_in_order_whatever_becomes_of_batches() {
        for seed in 0..500 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut place = Place::new();
            let all = random.i64(1..400);
            let keys = random.i64(1..12);
            let key_of: HashMap<i64, Option<String>> = (1..=all)
                .map(|seq| (seq, Some(random.i64(0..=keys)).filter(|key| *key > 0).map(|key| key.to_string())))
                .collect();
            let (mut read, mut stored, mut on_the_way) = (0, Vec::new(), Vec::<Next>::new());
            let mut rounds = 0;
            while stored.len() < usize::try_from(all).unwrap() {
                rounds += 1;
                assert!(rounds < 10_000, "seed {seed}: it does not come to an end");
                for seq in read + 1..=all.min(read + random.i64(0..40)) {
                    read = seq;
                    let subject = ["note.taken", "memo.written"][usize::from(random.u8(..5) == 0)];
                    let key = key_of[&seq].as_deref();
                    place.batches.wait(&mut place.lanes, pending(seq, subject, key, 10));
                }
                on_the_way.extend(std::iter::from_fn(|| place.batches.next(&mut place.lanes)));
                let sent: Vec<i64> = on_the_way.iter().flat_map(Next::numbers).collect();
                let of_key = |key: &str| on_the_way.iter().filter(|next| next.keys().iter().any(|k| k == key)).count();
                for key in (1..=keys).map(|key| key.to_string()) {
                    assert!(of_key(&key) <= 1, "seed {seed}: {key} is on its way twice");
                }
                assert!(sent.iter().all(|seq| !stored.contains(seq)), "seed {seed}");
                if on_the_way.is_empty() {
                    continue;
                }
                match on_the_way.swap_remove(random.usize(..on_the_way.len())) {
                    Next::Single(pending) => {
                        stored.push(pending.seq);
                        place.batches.single_is_back(&pending);
                        if let Some(key) = &pending.event.key {
                            place.batches.go_on(&mut place.lanes, key);
                        }
                    }
                    Next::Batch(batch) => {
                        place.batches.batch_is_back(&batch);
                        let why = [Why::Repeated, Why::TooMany].get(random.usize(..6));
                        if let Some(why) = why {
                            place.batches.part(&mut place.lanes, batch, *why);
                            continue;
                        }
                        stored.extend(batch.iter().map(|pending| pending.seq));
                        for key in super::keys(&batch) {
                            place.batches.go_on(&mut place.lanes, &key);
                        }
                    }
                }
            }
            for key in (1..=keys).map(|key| key.to_string()) {
                let of_key: Vec<i64> =
                    stored.iter().copied().filter(|seq| key_of[seq].as_ref() == Some(&key)).collect();
                assert!(of_key.is_sorted(), "seed {seed}: {of_key:?}");
            }
            assert!(place.lanes.is_empty(), "seed {seed}");
        }
    }

    impl Next {
        fn events(&self) -> Vec<&Pending> {
            match self {
                Self::Single(pending) => vec![pending],
                Self::Batch(batch) => batch.iter().collect(),
            }
        }

        fn numbers(&self) -> Vec<i64> {
            self.events().iter().map(|pending| pending.seq).collect()
        }

        fn keys(&self) -> Vec<String> {
            self.events().iter().filter_map(|pending| pending.event.key.clone()).collect()
        }
    }
}
