//! What a service publishes and takes, as plain data.

use std::cmp::Reverse;

use crate::event::EventInfo;

/// What a service publishes and who in it takes what.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The service's name.
    pub service: String,
    /// The service's version.
    pub version: String,
    /// What it is for.
    pub docs: String,
    /// The event types that it publishes.
    pub publishes: Vec<&'static EventInfo>,
    /// Its subscribers.
    pub receivers: Vec<Receiver>,
}

/// A subscriber, as a contract has it.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// The handler's name.
    pub name: String,
    /// The durable name of its subscription.
    pub durable: String,
    /// The handler's documentation.
    pub docs: &'static str,
    /// The subjects it takes.
    pub pattern: &'static str,
    /// The event types it knows; none for a raw subscriber.
    pub events: &'static [&'static EventInfo],
    /// Whether events that it does not know are dropped instead of parked.
    pub skips_unknown: bool,
}

impl Contract {
    /// A contract about events alone: of a vocabulary that several services share.
    #[must_use]
    pub fn of_events(name: impl Into<String>, events: impl IntoIterator<Item = &'static EventInfo>) -> Self {
        Self {
            service: name.into(),
            version: String::from("0.0.0"),
            docs: String::new(),
            publishes: events.into_iter().collect(),
            receivers: Vec::new(),
        }
    }

    /// Every event type of the contract once, in its newest version, in the order of their names.
    #[must_use]
    pub fn events(&self) -> Vec<&'static EventInfo> {
        let taken = self.receivers.iter().flat_map(|receiver| receiver.events);
        let mut events: Vec<&'static EventInfo> = self.publishes.iter().chain(taken).copied().collect();
        events.sort_by_key(|event| (event.event_type, Reverse(event.version)));
        events.dedup_by_key(|event| event.event_type);
        events
    }

    /// The subscribers that take an event type, by their durable names.
    pub fn receivers_of<'a>(&'a self, event: &EventInfo) -> impl Iterator<Item = &'a Receiver> {
        let wanted = event.event_type;
        self.receivers.iter().filter(move |receiver| receiver.events.iter().any(|event| event.event_type == wanted))
    }
}
