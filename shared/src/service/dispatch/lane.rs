//! What is in the lanes of a subscription, and what is being done with it.

use std::collections::{HashMap, VecDeque};
#[cfg(test)]
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::bus::Delivery;
use crate::service::handle::Verdict;
use crate::service::together::Outcome;

/// The lane of an ordering key; an event without a key has one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Key(String),
    Alone(u64),
}

/// What is in which lane.
#[cfg(not(test))]
pub(super) type Lanes = HashMap<Lane, LaneState>;

/// In tests in the same order each time, so that a seed of the simulation shows again what it has shown.
#[cfg(test)]
pub(super) type Lanes = HashMap<Lane, LaneState, BuildHasherDefault<DefaultHasher>>;

/// A message on its way through the subscription.
pub(super) struct Held {
    pub(super) delivery: Delivery,
    pub(super) attempt: u32,
}

impl Held {
    /// Tells the server, and frees its place.
    pub(super) async fn done(mut self) {
        let _comes_again_if_not = self.delivery.acker.ack().await;
        drop(self.delivery.permit);
    }
}

/// What waits in a lane.
#[derive(Default)]
pub(super) struct LaneState {
    /// The head is under way or waits for its retry; the rest waits for the head. Several are under way when they share a
    /// transaction, from the head on.
    pub(super) queue: VecDeque<Held>,
    /// How many of them, from the head on, are to be handled one by one.
    pub(super) alone: usize,
}

/// What a task is doing.
pub(super) enum Work {
    /// The head of a lane.
    One(Lane),
    /// So many of each lane, from its head on, in one transaction or one after another.
    Together(Vec<(Lane, usize)>),
}

impl Work {
    pub(super) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        let (one, together) = match self {
            Self::One(lane) => (Some(lane), &[][..]),
            Self::Together(lanes) => (None, &lanes[..]),
        };
        one.into_iter().chain(together.iter().map(|(lane, _)| lane))
    }

    pub(super) fn messages(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Together(lanes) => lanes.iter().map(|(_, taken)| taken).sum(),
        }
    }
}

/// What has come of it.
pub(super) enum Done {
    One(Verdict),
    Together(Vec<Outcome>),
    /// Of each in its turn.
    Several(Vec<Option<Verdict>>),
}
