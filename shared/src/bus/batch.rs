//! Several events sent as one, which the bus takes as a whole or not at all.

use futures_util::future::BoxFuture;

#[cfg(feature = "nats")]
use super::Transport;
use super::{Ack, Bus};
use crate::error::Error;
use crate::event::Outgoing;

/// The second half of sending a batch: waits for its acknowledgement, and returns one for each event, in their order.
pub(crate) type BatchAcked = BoxFuture<'static, Result<Vec<Ack>, NotTaken>>;

/// Why a bus has not taken a batch.
#[derive(Debug)]
#[cfg_attr(not(feature = "nats"), allow(dead_code))] // only NATS has batches
pub(crate) enum NotTaken {
    /// It wants the events one by one, under their ids.
    Singly(Why),
    /// As for a single event: it may have been stored, and is tried again.
    Failed(Error),
}

/// Why events are to be sent one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "nats"), allow(dead_code))] // only NATS has batches
pub(crate) enum Why {
    /// The bus knows no batches, or its stream takes none.
    NotAllowed,
    /// The stream has one of the events already.
    Repeated,
    /// The server takes fewer events at once.
    TooMany,
    /// One of the events is too large.
    TooLarge,
    /// Too many batches are on their way, or it took too long and was given up.
    GivenUp,
    /// The server's own reason, which may be that of a single event.
    Other,
}

impl Why {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "the stream takes no batches",
            Self::Repeated => "one of the events had been published before",
            Self::TooMany => "the server takes fewer events at once",
            Self::TooLarge => "one of the events is too large",
            Self::GivenUp => "the server has given it up",
            Self::Other => "the server has refused it",
        }
    }
}

impl Bus {
    /// Whether several events that wait are to be sent as one.
    pub(crate) fn batches(&self) -> bool {
        match &self.transport {
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.batches(),
            _ => false,
        }
    }

    /// Sends events of one domain as one, over the relay's connection of this number; the future it returns waits for the
    /// acknowledgement. Nothing of it is stored before all of it was sent: what is dropped half-way has never been.
    ///
    /// # Errors
    /// [`NotTaken`].
    #[cfg_attr(not(feature = "nats"), allow(clippy::unused_async, unused_variables))] // only NATS has batches
    pub(crate) async fn send_batch_on(&self, link: u64, events: &[&Outgoing]) -> Result<BatchAcked, NotTaken> {
        match &self.transport {
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => {
                let events: Vec<_> = events.iter().map(|event| event.written()).collect();
                bus.send_batch_on(link, &events).await
            }
            _ => Err(NotTaken::Singly(Why::NotAllowed)),
        }
    }
}
