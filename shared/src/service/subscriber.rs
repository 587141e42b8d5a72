//! Who reacts: what `#[subscribe]` generates, and what the dispatcher calls.

use std::any::Any;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

pub use futures_util::future::BoxFuture;

use super::batch::Batch;
use super::extract::{Call, States};
use crate::error::{Error, Result};
use crate::event::{Draft, EventInfo, EventSet, Incoming, Publish};
use crate::schema::Receiver;

/// A subscriber as its declaration says.
#[derive(Debug, Clone, Copy)]
pub struct SubscriberSpec {
    /// The handler's name, part of the durable name.
    pub name: &'static str,
    /// The subjects it takes.
    pub pattern: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// Where it is declared.
    pub file: &'static str,
    /// Where it is declared.
    pub line: u32,
    /// Whether it takes the transaction, which makes its database effects happen once per event.
    pub transactional: bool,
    /// Whether the inbox notes which events it has handled. One that takes the transaction has it in any case.
    pub inbox: bool,
    /// How many events are handled at once, each of another ordering key.
    pub concurrency: usize,
    /// How the replicas of its service share its events.
    pub spread: Spread,
    /// How many events one call takes, if it takes many.
    pub batch: Option<BatchSize>,
    /// What happens after an error.
    pub retry: Retry,
    /// What happens to an event type that it does not know.
    pub on_unknown: OnUnknown,
    /// The longest time one try may take.
    pub timeout: Duration,
}

impl SubscriberSpec {
    /// A subscriber without a transaction, with the defaults of `#[subscribe]`: 16 events at once, 8 tries, a minute
    /// each, unknown events parked. `name` is of ASCII letters, digits, `-` and `_`.
    ///
    /// ```
    /// use shared::service::SubscriberSpec;
    ///
    /// const SPEC: SubscriberSpec = SubscriberSpec::new("remind", "appointment.*").transactional().concurrency(32);
    /// assert_eq!(SPEC.retry.max, 8);
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn new(name: &'static str, pattern: &'static str) -> Self {
        let place = Location::caller();
        Self {
            name,
            pattern,
            docs: "",
            file: place.file(),
            line: place.line(),
            transactional: false,
            inbox: true,
            concurrency: 16,
            spread: Spread::ByOrder,
            batch: None,
            retry: Retry::DEFAULT,
            on_unknown: OnUnknown::Park,
            timeout: Duration::from_secs(60),
        }
    }

    /// With this documentation.
    #[must_use]
    pub const fn docs(self, docs: &'static str) -> Self {
        Self { docs, ..self }
    }

    /// Takes the transaction, which makes its database effects happen once per event.
    #[must_use]
    pub const fn transactional(self) -> Self {
        Self { transactional: true, ..self }
    }

    /// Notes nothing of the events that it has handled: it may be called again for each of them, so it returns no events.
    /// Of one that takes the transaction all is noted nevertheless.
    #[must_use]
    pub const fn without_inbox(self) -> Self {
        Self { inbox: false, ..self }
    }

    /// Handles so many events at once, each of another ordering key.
    #[must_use]
    pub const fn concurrency(self, concurrency: usize) -> Self {
        Self { concurrency, ..self }
    }

    /// Lets all replicas of its service handle its events at once, whatever their keys.
    #[must_use]
    pub const fn unordered(self) -> Self {
        Self { spread: Spread::Unordered, ..self }
    }

    /// Parts its events by their keys, so that replicas of its service can share them.
    #[must_use]
    pub const fn partitions(self, partitions: u32) -> Self {
        Self { spread: Spread::Partitions(partitions), ..self }
    }

    /// Takes a [`Batch`](super::Batch): so many events in one call.
    #[must_use]
    pub const fn batch(self, batch: BatchSize) -> Self {
        Self { batch: Some(batch), ..self }
    }

    /// Tries again in this way after an error.
    #[must_use]
    pub const fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Drops events of types that it does not know.
    #[must_use]
    pub const fn skip_unknown(self) -> Self {
        Self { on_unknown: OnUnknown::Skip, ..self }
    }

    /// With this longest time of one try.
    #[must_use]
    pub const fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Declared elsewhere than where [`new`](Self::new) was called.
    #[must_use]
    pub const fn declared_at(self, file: &'static str, line: u32) -> Self {
        Self { file, line, ..self }
    }
}

/// How many events a call takes that takes many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSize {
    /// The most.
    pub max: usize,
    /// How long the first one waits for others while there are fewer. Without a wait it takes what is there.
    pub wait: Duration,
}

impl BatchSize {
    /// At most 256, without waiting for them.
    pub const DEFAULT: Self = Self { max: 256, wait: Duration::ZERO };
}

impl Default for BatchSize {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How the replicas of a service share the events of one subscription. With the in-process bus there is one process, so
/// nothing is to be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Spread {
    /// Events with ordering keys are handled in the order of their keys, for which one replica at a time is active and
    /// the others stand by. A subscription none of whose events has a key is active in all of them.
    #[default]
    ByOrder,
    /// All replicas are active, and each event goes to one of them, in no order.
    Unordered,
    /// The events are parted by their keys, into so many parts. Each part is active in one replica at a time, in the
    /// order of its keys, and the replicas have as many parts as the others.
    Partitions(u32),
}

/// How often and how long after an error an event is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The number of tries, the first one included.
    pub max: u32,
    /// The pause after the first error; it doubles each time, with jitter.
    pub base: Duration,
    /// The longest pause.
    pub cap: Duration,
}

impl Retry {
    /// Eight tries; pauses from 200 ms to a minute.
    pub const DEFAULT: Self = Self { max: 8, base: Duration::from_millis(200), cap: Duration::from_secs(60) };

    /// The pause after the `attempt`th try (from 1) has failed: between half and all of the doubled base, so
    /// that events which failed together do not come back together.
    #[must_use]
    pub fn pause(&self, attempt: u32) -> Duration {
        let doubled = self.base.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1).min(31)));
        let full = doubled.min(self.cap);
        full.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What happens to an event type that a subscription's pattern delivers but its type does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnknown {
    /// It becomes a dead letter.
    #[default]
    Park,
    /// It is acknowledged and forgotten.
    Skip,
}

/// A handler of one event type or set. `#[subscribe]` implements it, and so can you:
///
/// ```
/// use shared::prelude::*;
/// use shared::service::{BoxFuture, Call, FromDelivery, Outcome, States, Subscribe, SubscriberSpec, transaction};
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "appointment.fulfilled", key = appointment_id)]
/// # pub struct AppointmentFulfilled { pub appointment_id: Uuid }
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "invoice.issued", key = appointment_id)]
/// # pub struct InvoiceIssued { pub appointment_id: Uuid, pub cents: i64 }
/// # #[derive(Clone)]
/// # pub struct Prices { pub consultation: i64 }
///
/// async fn bill(event: AppointmentFulfilled, _tx: &mut Tx, State(prices): State<Prices>) -> Result<InvoiceIssued> {
///     Ok(InvoiceIssued { appointment_id: event.appointment_id, cents: prices.consultation })
/// }
///
/// struct Bill;
///
/// impl Subscribe for Bill {
///     type Event = AppointmentFulfilled;
///     const SPEC: SubscriberSpec =
///         SubscriberSpec::new("bill", "appointment.fulfilled").transactional();
///
///     fn check(states: &States) -> Result<()> {
///         <State<Prices> as FromDelivery>::check(states)
///     }
///
///     fn call<'a>(event: AppointmentFulfilled, call: Call<'a>) -> BoxFuture<'a, Result<Vec<shared::event::Draft>>> {
///         let (tx, parts) = call.split();
///         Box::pin(async move { bill(event, transaction(tx)?, State::from_delivery(parts)?).await.into_drafts() })
///     }
/// }
///
/// let service = Service::new("billing").subscribe(subscribers![Bill]).state(Prices { consultation: 9_000 });
/// # drop(service);
/// ```
///
/// What `#[subscribe]` does besides is to prove at compile time that pattern and event fit.
pub trait Subscribe: Sized + Send + Sync + 'static {
    /// What it handles.
    type Event: EventSet;
    /// What its declaration says.
    const SPEC: SubscriberSpec;
    /// The event types that it may return to be published.
    const PUBLISHES: &'static [&'static EventInfo] = &[];

    /// Checks at start-up that its arguments can be made.
    ///
    /// # Errors
    /// [`Error::Config`], saying what to add to the service.
    fn check(states: &States) -> Result<()>;

    /// Calls it; the drafts are what it returned to be published. To be implemented, unless it takes batches.
    fn call<'a>(event: Self::Event, call: Call<'a>) -> BoxFuture<'a, Result<Vec<Draft>>> {
        super::batch_of_one::<Self>(event, call)
    }

    /// Calls it with many events. To be implemented, and [`call`](Self::call) not, if [`SPEC`](Self::SPEC) says with
    /// [`SubscriberSpec::batch`] that it takes batches.
    fn call_batch<'a>(events: Batch<Self::Event>, call: Call<'a>) -> BoxFuture<'a, Result<Vec<Draft>>> {
        let _ = (events, call);
        Box::pin(std::future::ready(Err(one_at_a_time())))
    }
}

fn one_at_a_time() -> Error {
    Error::Usage("this subscriber takes one event at a time".into())
}

/// A subscriber of any kind, as a service keeps it. Made by `subscribers![..]` and `Service::subscribe_raw`.
#[derive(Clone)]
pub struct Subscriber {
    pub(crate) spec: SubscriberSpec,
    pub(crate) events: &'static [&'static EventInfo],
    pub(crate) publishes: &'static [&'static EventInfo],
    pub(crate) check: fn(&States) -> Result<()>,
    pub(crate) handler: Arc<dyn Handler>,
}

impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriber").field("name", &self.spec.name).field("pattern", &self.spec.pattern).finish()
    }
}

impl Subscriber {
    /// The subscriber that `#[subscribe]` made of a function.
    #[must_use]
    pub fn of<S: Subscribe>() -> Self {
        Self {
            spec: S::SPEC,
            events: <S::Event as EventSet>::EVENTS,
            publishes: S::PUBLISHES,
            check: S::check,
            handler: Arc::new(Typed::<S>(std::marker::PhantomData)),
        }
    }

    /// What its declaration says.
    #[must_use]
    pub fn spec(&self) -> &SubscriberSpec {
        &self.spec
    }

    pub(crate) fn receiver(&self, service: &str) -> Receiver {
        Receiver {
            name: self.spec.name.to_owned(),
            durable: super::running::durable_name(service, self.spec.name),
            docs: self.spec.docs,
            pattern: self.spec.pattern,
            events: self.events,
            skips_unknown: self.spec.on_unknown == OnUnknown::Skip,
        }
    }

    /// Whether the order of its events matters. Of an event that says nothing about itself nobody knows.
    pub(crate) fn is_ordered(&self) -> bool {
        let keyless = |event: &&'static EventInfo| event.decodes.is_some() && event.schema.key.is_none();
        match self.spec.spread {
            Spread::Unordered => false,
            Spread::Partitions(_) => true,
            Spread::ByOrder => self.events.is_empty() || !self.events.iter().all(keyless),
        }
    }

    pub(crate) fn domains(&self) -> Vec<String> {
        let first = crate::event::subject::domain(self.spec.pattern);
        if !matches!(first, "*" | ">") {
            return vec![first.to_owned()];
        }
        let mut domains: Vec<String> =
            self.events.iter().map(|event| crate::event::subject::domain(event.subject).to_owned()).collect();
        domains.sort();
        domains.dedup();
        domains
    }
}

/// Decodes before anything is opened, then runs.
pub(crate) trait Handler: Send + Sync {
    fn prepare(&self, incoming: &Incoming) -> Result<Box<dyn Prepared>>;

    /// Makes one call of several, if it takes batches.
    fn join(&self, parts: Vec<Box<dyn Prepared>>) -> Result<Box<dyn Prepared>> {
        drop(parts);
        Err(one_at_a_time())
    }
}

/// A decoded, valid event that waits for its call.
pub(crate) trait Prepared: Send + Any {
    fn call<'a>(self: Box<Self>, call: Call<'a>) -> BoxFuture<'a, Result<Vec<Draft>>>;
}

struct Typed<S>(std::marker::PhantomData<fn() -> S>);

struct TypedEvent<S: Subscribe>(S::Event);

impl<S: Subscribe> Handler for Typed<S> {
    fn prepare(&self, incoming: &Incoming) -> Result<Box<dyn Prepared>> {
        let metadata = &incoming.metadata;
        let event = S::Event::decode_as(&metadata.event_type, metadata.version, &incoming.data)?;
        crate::validate::Validate::validate(&event)?;
        match S::SPEC.batch {
            None => Ok(Box::new(TypedEvent::<S>(event))),
            Some(_) => Ok(Box::new(TypedBatch::<S>(Batch::one(event, metadata.clone())))),
        }
    }

    fn join(&self, parts: Vec<Box<dyn Prepared>>) -> Result<Box<dyn Prepared>> {
        let mut all: Option<Batch<S::Event>> = None;
        for part in parts {
            let part: Box<dyn Any> = part;
            let TypedBatch::<S>(part) = *part.downcast().map_err(|_| one_at_a_time())?;
            match &mut all {
                Some(all) => all.extend(part),
                none => *none = Some(part),
            }
        }
        Ok(Box::new(TypedBatch::<S>(all.ok_or_else(one_at_a_time)?)))
    }
}

struct TypedBatch<S: Subscribe>(Batch<S::Event>);

impl<S: Subscribe> Prepared for TypedBatch<S> {
    fn call<'a>(self: Box<Self>, call: Call<'a>) -> BoxFuture<'a, Result<Vec<Draft>>> {
        S::call_batch(self.0, call)
    }
}

impl<S: Subscribe> Prepared for TypedEvent<S> {
    fn call<'a>(self: Box<Self>, call: Call<'a>) -> BoxFuture<'a, Result<Vec<Draft>>> {
        S::call(self.0, call)
    }
}

/// What a handler may return: `()`, an event, several events, or a `Result` of these. Returned events are
/// published in the handler's transaction.
#[diagnostic::on_unimplemented(
    message = "a subscriber cannot return `{Self}`",
    label = "is neither `()` nor an event",
    note = "expected `()`, an event, `Option` or `Vec` of events, or a `Result` of these whose error converts into `shared::Error`"
)]
pub trait Outcome {
    /// The event types that there may be.
    const PUBLISHES: &'static [&'static EventInfo] = &[];

    /// The events to publish, encoded.
    ///
    /// # Errors
    /// The handler's error, or that of encoding an event.
    fn into_drafts(self) -> Result<Vec<Draft>>;
}

impl Outcome for () {
    fn into_drafts(self) -> Result<Vec<Draft>> {
        Ok(Vec::new())
    }
}

#[diagnostic::do_not_recommend]
impl<P: Publish> Outcome for P {
    const PUBLISHES: &'static [&'static EventInfo] = P::PUBLISHES;

    fn into_drafts(self) -> Result<Vec<Draft>> {
        Ok(vec![self.draft()?])
    }
}

#[diagnostic::do_not_recommend]
impl<P: Publish> Outcome for Option<P> {
    const PUBLISHES: &'static [&'static EventInfo] = P::PUBLISHES;

    fn into_drafts(self) -> Result<Vec<Draft>> {
        self.iter().map(Publish::draft).collect()
    }
}

#[diagnostic::do_not_recommend]
impl<P: Publish> Outcome for Vec<P> {
    const PUBLISHES: &'static [&'static EventInfo] = P::PUBLISHES;

    fn into_drafts(self) -> Result<Vec<Draft>> {
        self.iter().map(Publish::draft).collect()
    }
}

#[diagnostic::do_not_recommend]
impl<O: Outcome, E: Into<Error>> Outcome for std::result::Result<O, E> {
    const PUBLISHES: &'static [&'static EventInfo] = O::PUBLISHES;

    fn into_drafts(self) -> Result<Vec<Draft>> {
        self.map_err(Into::into)?.into_drafts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_up_to_the_cap() {
        let retry = Retry { max: 8, base: Duration::from_millis(100), cap: Duration::from_secs(1) };
        for (attempt, full) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (40, 1_000)] {
            let full = Duration::from_millis(full);
            for _ in 0..50 {
                let pause = retry.pause(attempt);
                assert!(pause >= full / 2 && pause <= full, "{attempt}: {pause:?}");
            }
        }
    }
}
