//! Many events in one call.

use std::fmt;

use super::extract::Call;
use super::subscriber::{BoxFuture, Subscribe};
use crate::context::Id;
use crate::error::Result;
use crate::event::{Draft, Metadata};

/// Events that a subscriber handles in one call and one transaction: at least one, each once, those of a key in their
/// order.
///
/// ```
/// use shared::prelude::*;
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "vitals.measured", key = patient_id)]
/// # pub struct VitalsMeasured { pub patient_id: Uuid, pub pulse: i32 }
/// # #[derive(Debug, Clone, PartialEq, Entity)]
/// # #[entity(table = "vitals")]
/// # pub struct Vitals { #[entity(id)] pub id: Uuid, pub patient_id: Uuid, pub pulse: i32 }
///
/// /// Stores them by one statement.
/// #[subscribe("vitals.measured", batch(max = 500, wait = "50ms"))]
/// async fn store(events: Batch<VitalsMeasured>, tx: &mut Tx) -> Result<()> {
///     let rows = events.into_iter().map(|event| NewVitals { patient_id: event.patient_id, pulse: event.pulse });
///     tx.repo::<Vitals>().create_many(rows.collect()).await?;
///     Ok(())
/// }
///
/// let service = Service::new("ward").entities(entities![Vitals]).subscribe(subscribers![store]);
/// # drop(service);
/// ```
#[derive(Clone)]
pub struct Batch<E> {
    events: Vec<(E, Metadata)>,
}

impl<E> Batch<E> {
    pub(crate) fn one(event: E, metadata: Metadata) -> Self {
        Self { events: vec![(event, metadata)] }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.events.extend(other.events);
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none, which a subscriber does not meet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &E> {
        self.events.iter().map(|(event, _)| event)
    }

    /// The events, each with what else is known of it.
    pub fn with_metadata(&self) -> impl ExactSizeIterator<Item = (&E, &Metadata)> {
        self.events.iter().map(|(event, metadata)| (event, metadata))
    }
}

impl<E> fmt::Debug for Batch<E> {
    /// Without the events.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({})", self.len())
    }
}

impl<E> IntoIterator for Batch<E> {
    type Item = E;
    type IntoIter = Events<E>;

    fn into_iter(self) -> Events<E> {
        Events(self.events.into_iter())
    }
}

/// The events of a [`Batch`].
#[derive(Debug)]
pub struct Events<E>(std::vec::IntoIter<(E, Metadata)>);

impl<E> Iterator for Events<E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        self.0.next().map(|(event, _)| event)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<E> ExactSizeIterator for Events<E> {}

/// For tests that call a subscriber: events that no message has brought.
impl<E> FromIterator<E> for Batch<E> {
    fn from_iter<I: IntoIterator<Item = E>>(events: I) -> Self {
        let unsent = || Metadata {
            event_id: crate::id::new().to_string(),
            event_type: String::new(),
            version: None,
            subject: String::new(),
            source: None,
            time: Some(crate::time::now()),
            key: None,
            sequence: None,
            correlation_id: Id::mint(),
            causation_id: None,
            actor: None,
            tenant: None,
            trace: None,
            attempt: 1,
            fingerprint: None,
        };
        Self { events: events.into_iter().map(|event| (event, unsent())).collect() }
    }
}

/// What [`Subscribe::call`] is for a subscriber that takes batches.
pub(crate) fn batch_of_one<S: Subscribe>(event: S::Event, call: Call<'_>) -> BoxFuture<'_, Result<Vec<Draft>>> {
    let batch = Batch::one(event, call.parts.metadata.clone());
    S::call_batch(batch, call)
}
