//! What a bus hands to the dispatcher: messages that must be acknowledged.

#[cfg(feature = "nats")]
use std::sync::Arc;
#[cfg(feature = "nats")]
use std::time::Duration;

#[cfg(feature = "nats")]
use futures_util::FutureExt as _;
#[cfg(feature = "nats")]
use tokio::sync::Semaphore;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
#[cfg(feature = "nats")]
use tokio_util::sync::CancellationToken;

use super::{Position, local};
use crate::error::Result;
use crate::event::Delivered;

/// A durable subscription, as its declaration says.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The durable name, unique per database and server: `{service}_{handler}`.
    pub(crate) durable: String,
    /// The subjects it takes.
    pub(crate) pattern: &'static str,
    /// The domains (first tokens) of the events it may take; one stream each.
    #[cfg_attr(not(feature = "nats"), allow(dead_code))] // only NATS has streams
    pub(crate) domains: Vec<String>,
    /// The most messages held by this process at once.
    pub(crate) capacity: usize,
    /// Whether the events of a key keep their order, for which one process at a time may take from it.
    #[cfg_attr(not(feature = "nats"), allow(dead_code))] // in-process there is one process
    pub(crate) ordered: bool,
    /// Which part of the subjects' events it is, if they are parted by their keys.
    #[cfg_attr(not(feature = "nats"), allow(dead_code))] // in-process there are no parts
    pub(crate) part: Option<Part>,
}

/// One of the parts of a subscription whose events are parted by their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) index: u32,
    pub(crate) of: u32,
}

impl Part {
    /// The name of this part of a subscription.
    pub(crate) fn name(self, durable: &str) -> String {
        format!("{durable}-{}of{}", self.index, self.of)
    }

    /// Whether the events with this key are in it.
    pub(crate) fn has(self, key: &str) -> bool {
        u64::from(self.index) == mixed(crate::event::key_hash(key).cast_unsigned()) % u64::from(self.of.max(1))
    }
}

/// Spreads keys that differ in a digit evenly: the last step of MurmurHash3.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

impl Route {
    /// What the server knows it by: each part has a consumer of its own, since a server cannot look at keys.
    #[cfg_attr(not(feature = "nats"), allow(dead_code))] // only NATS has consumers
    pub(crate) fn consumer(&self) -> String {
        match self.part {
            Some(part) => part.name(&self.durable),
            None => self.durable.clone(),
        }
    }
}

/// A durable subscription that was found or made, and is not open yet.
pub(crate) enum Source {
    /// What arrives in-process; `None` once it is open.
    Local(Option<Subscription>),
    #[cfg(feature = "nats")]
    Nats(Box<super::nats::Consumers>),
    /// The simulation's.
    #[cfg(all(test, feature = "nats", feature = "postgres"))]
    Model(Box<dyn FnMut() -> Subscription + Send>),
}

impl Source {
    /// Opens it: messages begin to arrive. On NATS it may be opened again after the subscription has ended; in-process
    /// it is once, `None` from then on.
    pub(crate) fn open(&mut self) -> Option<Subscription> {
        match self {
            Self::Local(subscription) => subscription.take(),
            #[cfg(feature = "nats")]
            Self::Nats(consumers) => {
                let (receiver, pullers) = consumers.start();
                Some(Subscription { receiver, control: Control::Nats(pullers) })
            }
            #[cfg(all(test, feature = "nats", feature = "postgres"))]
            Self::Model(open) => Some(open()),
        }
    }

    /// Gives access to the server's view of this subscription.
    pub(crate) fn probe(&self) -> Probe {
        match self {
            Self::Local(_) => Probe::Local,
            #[cfg(feature = "nats")]
            Self::Nats(consumers) => Probe::Nats(consumers.probe()),
            #[cfg(all(test, feature = "nats", feature = "postgres"))]
            Self::Model(_) => Probe::Local,
        }
    }
}

/// An open subscription. Messages arrive in the order of their stream; no more than the route's capacity are
/// outstanding.
pub(crate) struct Subscription {
    pub(crate) receiver: mpsc::Receiver<Delivery>,
    pub(crate) control: Control,
}

/// Stops a subscription and asks after it.
pub(crate) enum Control {
    Local(local::Registration),
    #[cfg(feature = "nats")]
    Nats(super::nats::Pullers),
}

impl Subscription {
    /// The next message; `None` when the subscription has ended.
    pub(crate) async fn next(&mut self) -> Option<Delivery> {
        self.receiver.recv().await
    }

    /// The next message if there is one already.
    pub(crate) fn next_now(&mut self) -> Option<Delivery> {
        self.receiver.try_recv().ok()
    }

    /// Fetches nothing, or goes on with it. What has been asked for still arrives.
    #[cfg_attr(not(feature = "nats"), allow(unused_variables))] // in-process nothing is fetched
    pub(crate) fn pause(&self, paused: bool) {
        match &self.control {
            // the relay waits for what it has handed over
            Control::Local(_) => {}
            #[cfg(feature = "nats")]
            Control::Nats(pullers) => pullers.pause(paused),
        }
    }

    /// Stops fetching. What has arrived can still be taken, see [`rest`](Self::rest).
    pub(crate) fn stop(&mut self) {
        match &self.control {
            Control::Local(registration) => registration.stop(),
            #[cfg(feature = "nats")]
            Control::Nats(pullers) => pullers.stop(),
        }
    }

    /// After [`stop`](Self::stop): what has arrived and was not taken; `None` when nothing comes any more.
    pub(crate) async fn rest(&mut self) -> Option<Delivery> {
        match &self.control {
            // the other end stays with the bus, which has been told to send no more
            Control::Local(_) => self.receiver.try_recv().ok(),
            // ends with the last puller
            #[cfg(feature = "nats")]
            Control::Nats(_) => self.receiver.recv().await,
        }
    }
}

/// Gives messages back at once, in this order. When the client does not take it, they come again after `ack_wait`.
pub(crate) async fn give_back(deliveries: impl Iterator<Item = Delivery>) {
    for mut delivery in deliveries {
        if !delivery.acker.nak().await {
            return;
        }
    }
}

/// The server's view of a subscription.
#[derive(Clone)]
pub(crate) enum Probe {
    /// The in-process bus keeps nothing: the outbox says what is open.
    Local,
    #[cfg(feature = "nats")]
    Nats(super::nats::ConsumerProbe),
}

impl Probe {
    /// How many messages wait to be delivered or acknowledged; `published` is what was published last.
    #[cfg_attr(not(feature = "nats"), allow(unused_variables, clippy::unused_async))] // the in-process bus has nothing
    pub(crate) async fn open(&self, published: &[Position]) -> Result<u64> {
        match self {
            Self::Local => Ok(0),
            #[cfg(feature = "nats")]
            Self::Nats(probe) => probe.open(published).await,
        }
    }
}

/// A message that must be acknowledged. Dropped unacknowledged, it comes again.
pub(crate) struct Delivery {
    pub(crate) message: Delivered,
    /// How often it was delivered, from 1.
    pub(crate) deliveries: u32,
    pub(crate) acker: Acker,
    /// Frees the message's place in the subscription's capacity.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

// one lives with each message that is held: a box would be an allocation for each
#[cfg_attr(feature = "nats", allow(clippy::large_enum_variant))]
pub(crate) enum Acker {
    Local(Option<tokio::sync::oneshot::Sender<()>>),
    /// The server does not ask for this message any more.
    #[cfg(feature = "nats")]
    Spent,
    #[cfg(feature = "nats")]
    Nats {
        reply: Reply,
        /// Says that this process holds the message, where the events of a key keep their order.
        _held: Option<super::nats::Held>,
    },
}

/// The way back to who has delivered a message.
#[cfg(feature = "nats")]
#[cfg_attr(test, allow(clippy::large_enum_variant))] // the small one is for tests
pub(crate) enum Reply {
    Nats(async_nats::jetstream::message::Acker),
    /// To the simulation's server; whether the client took it.
    #[cfg(all(test, feature = "postgres"))]
    Model(Box<dyn Fn(async_nats::jetstream::AckKind) -> bool + Send + Sync>),
}

/// How long the client may take to take an acknowledgement. Without a connection it takes them until its buffer is
/// full; nothing waits for the connection here, least of all the end of the process.
#[cfg(feature = "nats")]
const SAY: Duration = Duration::from_millis(100);

/// Each returns whether the client took it. When it did not, it will not take the next one either.
impl Acker {
    /// The message is done with.
    pub(crate) async fn ack(&mut self) -> bool {
        match self {
            Self::Local(sender) => {
                // nobody waits any more: the relay has stopped and the row stays unpublished
                let _gone = sender.take().map(|sender| sender.send(()));
                true
            }
            #[cfg(feature = "nats")]
            Self::Spent => true,
            #[cfg(feature = "nats")]
            Self::Nats { reply, .. } => say(reply, async_nats::jetstream::AckKind::Ack).await,
        }
    }

    /// The message shall come again at once, to whoever is there.
    pub(crate) async fn nak(&mut self) -> bool {
        match self {
            Self::Local(sender) => {
                drop(sender.take());
                true
            }
            #[cfg(feature = "nats")]
            Self::Spent => true,
            #[cfg(feature = "nats")]
            Self::Nats { reply, .. } => say(reply, async_nats::jetstream::AckKind::Nak(None)).await,
        }
    }

    /// The message is being worked on; the server shall wait on.
    #[allow(clippy::unused_async)] // only NATS has something to await
    pub(crate) async fn in_progress(&self) -> bool {
        match self {
            Self::Local(_) => true,
            #[cfg(feature = "nats")]
            Self::Spent => true,
            #[cfg(feature = "nats")]
            Self::Nats { reply, .. } => say(reply, async_nats::jetstream::AckKind::Progress).await,
        }
    }
}

/// What does not reach the server is no loss: the message comes again and the inbox knows it.
#[cfg(feature = "nats")]
async fn say(reply: &Reply, what: async_nats::jetstream::AckKind) -> bool {
    let saying = async {
        match reply {
            Reply::Nats(acker) => acker.ack_with(what).await.is_ok(),
            #[cfg(all(test, feature = "postgres"))]
            Reply::Model(say) => say(what),
        }
    };
    tokio::pin!(saying);
    // nearly always at once, and then without a timer
    let said = match (&mut saying).now_or_never() {
        Some(said) => said,
        None => matches!(tokio::time::timeout(SAY, saying).await, Ok(true)),
    };
    if !said {
        tracing::debug!("an acknowledgement could not be sent; the message will be delivered again");
    }
    said
}

/// A place for each message that may be held at once.
#[cfg(feature = "nats")]
#[derive(Clone)]
pub(crate) struct Capacity {
    places: usize,
    semaphore: Arc<Semaphore>,
}

#[cfg(feature = "nats")]
impl Capacity {
    pub(crate) fn new(places: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self { places, semaphore: Arc::new(Semaphore::new(places)) }
    }

    /// Waits for a free place and takes up to `most`. When most places are taken, it waits that long for a quarter of them
    /// first: while so much is there to be done, nothing is lost by asking for more at once. `None` once cancelled.
    pub(crate) async fn take(
        &self,
        most: usize,
        gathering: Duration,
        cancelled: &CancellationToken,
    ) -> Option<OwnedSemaphorePermit> {
        let taking = async {
            let some = (self.places / 4).clamp(1, most.max(1));
            let some = Arc::clone(&self.semaphore).acquire_many_owned(u32::try_from(some).unwrap_or(1));
            let mut taken = match tokio::time::timeout(gathering, some).await {
                Ok(taken) => taken.ok()?,
                Err(_) => Arc::clone(&self.semaphore).acquire_owned().await.ok()?,
            };
            let more = self.semaphore.available_permits().min(most.saturating_sub(taken.num_permits()));
            if let Ok(more) = Arc::clone(&self.semaphore).try_acquire_many_owned(u32::try_from(more).unwrap_or(0)) {
                taken.merge(more);
            }
            Some(taken)
        };
        tokio::select! {
            biased;
            () = cancelled.cancelled() => None,
            taken = taking => taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_evenly_over_parts() {
        for of in [2, 3, 4, 16] {
            let count = |index| (0..1_600).filter(|key| Part { index, of }.has(&format!("bed {key}"))).count();
            let counts: Vec<usize> = (0..of).map(count).collect();
            let even = 1_600 / of as usize;
            assert_eq!(counts.iter().sum::<usize>(), 1_600);
            assert!(counts.iter().all(|count| (even * 6 / 10..even * 14 / 10).contains(count)), "{counts:?}");
        }
    }
}
