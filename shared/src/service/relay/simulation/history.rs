//! What was committed, and where it went; and what of that must not be.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;
use uuid::Uuid;

use super::broker::stream_of;
use super::world::{Process, World};
use crate::event::Outgoing;
use crate::simulation::Promise;

#[derive(Default)]
pub(super) struct History {
    ids: u128,
    /// By position.
    committed: BTreeMap<i64, Fact>,
    /// The positions of events.
    positions: BTreeMap<Uuid, i64>,
    /// What was stored at some time.
    stored: BTreeSet<Uuid>,
    /// Who cannot know that a stream has lost something: their connections have not broken.
    unaware: BTreeSet<(u64, String)>,
}

struct Fact {
    id: Uuid,
    key: Option<String>,
    stream: String,
}

/// What there was when an event was sent.
pub(super) struct Sent {
    /// How often its stream had lost something.
    pub(super) losses: u64,
    /// Whether its sender could not know of it.
    pub(super) unaware: bool,
}

impl History {
    pub(super) fn new_id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    pub(super) fn committed(&mut self, seq: i64, event: &Outgoing) {
        let fact = Fact { id: event.id, key: event.key.clone(), stream: stream_of(&event.subject) };
        self.positions.insert(event.id, seq);
        self.committed.insert(seq, fact);
    }

    /// A stream was deleted under connections that stay.
    pub(super) fn deleted(&mut self, stream: &str, processes: impl Iterator<Item = u64>) {
        self.unaware.extend(processes.map(|process| (process, stream.to_owned())));
    }

    pub(super) fn is_unaware(&self, process: u64, stream: &str) -> bool {
        self.unaware.contains(&(process, stream.to_owned()))
    }

    /// A process has looked at a stream.
    pub(super) fn looked(&mut self, process: u64, stream: &str) {
        self.unaware.remove(&(process, stream.to_owned()));
    }

    /// Whether whoever publishes may do so.
    pub(super) fn sent(&self, process: &Process) {
        let (trusted, sim) = (process.state().trusted, &process.world.sim);
        match trusted {
            Some(until) if Instant::now() < until => {}
            Some(_) => sim.breaks(Promise::G4, "a process publishes after its lease has run out"),
            None => sim.breaks(Promise::G4, "a process publishes without a lease"),
        }
    }

    /// So many events are on their way: what is read at once, when less than a window is known, and what was set aside.
    pub(super) fn on_their_way(&self, world: &World, number: usize) {
        if number > 3 * world.window {
            let how = format!("{number} events are on their way at once, with a window of {}", world.window);
            world.sim.breaks(Promise::G9, how);
        }
    }

    /// An event is stored that was not remembered.
    pub(super) fn stored(&mut self, world: &World, stream: &str, event: &Outgoing, sequence: i64, sent: &Sent) {
        let id = Uuid::from_slice(&event.payload).unwrap_or_default();
        let number = id.as_u128();
        let Some((seq, fact)) = self.positions.get(&id).and_then(|seq| Some((*seq, self.committed.get(seq)?))) else {
            return world.sim.breaks(Promise::G1, format!("{number} is published, and not committed"));
        };
        if event.id != id {
            return world
                .sim
                .breaks(Promise::G3, format!("{number} is published under another id: it is handled again"));
        }
        let broker = world.broker();
        let lost_since = broker.losses(stream) != sent.losses;
        if fact.key.is_some() && !lost_since && !sent.unaware && !broker.has_below(stream, id, sequence) {
            let before = self.committed.range(..seq).map(|(_, fact)| fact);
            let mut before = before.filter(|other| other.key == fact.key && other.stream == fact.stream);
            if let Some(missing) = before.find(|other| !broker.has_below(stream, other.id, sequence)) {
                let missing = missing.id.as_u128();
                world.sim.breaks(Promise::G4, format!("{number} is stored before {missing}, which has the same key"));
            }
        }
        self.stored.insert(id);
    }

    /// Whether everything is where it should be.
    pub(super) fn is_settled(&self, world: &World) -> bool {
        let there = || {
            let broker = world.broker();
            self.committed.values().all(|fact| broker.has(&fact.stream, fact.id))
        };
        world.tables().is_done() && there()
    }

    /// What is not where it should be, when there was time enough.
    pub(super) fn judge(&self, world: &World) {
        for (seq, fact) in &self.committed {
            let number = fact.id.as_u128();
            let has = world.broker().has(&fact.stream, fact.id);
            let marked = world.tables().is_marked(*seq);
            match (has, marked) {
                (true, true) => {}
                (true, false) => {
                    world.sim.breaks(Promise::G6, format!("{number} is published, and never noted as such"))
                }
                (false, _) if self.stored.contains(&fact.id) => {
                    world
                        .sim
                        .breaks(Promise::G2, format!("{number} was lost by the broker, and is not published again"));
                }
                (false, true) => world.sim.breaks(Promise::G1, format!("{number} is not published, and noted as such")),
                (false, false) => world.sim.breaks(Promise::G1, format!("{number} is never published")),
            }
        }
    }
}
