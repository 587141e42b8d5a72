//! What runs: a service out of entities, subscribers and state.

/// Whether this bug is planted here, by a test that proves that the simulation finds it. Nowhere else is it anything.
#[cfg(all(test, feature = "nats", feature = "postgres"))]
macro_rules! planted {
    ($bug:ident) => {
        crate::service::simulated::planted(crate::service::simulated::Bug::$bug)
    };
}

#[cfg(not(all(test, feature = "nats", feature = "postgres")))]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}

mod batch;
mod breaker;
mod captures;
mod claims;
#[cfg(feature = "cli")]
mod cli;
mod dispatch;
mod duty;
mod extract;
mod handle;
mod health;
mod metrics;
mod pace;
mod raw;
mod relay;
mod respond;
mod retention;
mod running;
mod serve;
mod shutdown;
#[cfg(all(test, feature = "nats", feature = "postgres"))]
mod simulated;
mod store;
mod subscriber;
mod tables;
mod together;

pub(crate) use self::batch::batch_of_one;
pub use self::batch::{Batch, Events};
pub use self::captures::{Captures, FromCaptures};
pub use self::extract::{Call, FromDelivery, Parts, State, States, transaction};
pub use self::health::{SubscriptionHealth, SubscriptionState};
pub use self::metrics::{Metrics, OutboxMetrics, RelayMetrics};
pub use self::respond::{IntoReply, Respond, Responder, ResponderSpec};
#[cfg(feature = "nats")]
pub(crate) use self::retention::span;
#[cfg(feature = "sqlite")]
pub(crate) use self::running::start_on;
pub use self::running::{Replayed, Running, start};
pub use self::shutdown::signalled;
pub use self::subscriber::{
    BatchSize, BoxFuture, OnUnknown, Outcome, Retry, Spread, Subscribe, Subscriber, SubscriberSpec,
};
use crate::config::Config;
use crate::db::{Migrations, Tx};
use crate::entity::EntityDef;
use crate::error::Result;
pub use crate::event::RawEvent;
use crate::event::{EventInfo, Metadata, Shape, Shapes};
use crate::schema::Contract;
use crate::time::Clock;

/// A service: what it stores, whom it lets react, and what those need.
///
/// ```no_run
/// use shared::prelude::*;
///
/// # #[tokio::main]
/// # async fn main() -> shared::Result<()> {
/// Service::new("reminders").run().await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Service {
    name: String,
    version: String,
    docs: String,
    publishes: Vec<&'static EventInfo>,
    entities: Vec<&'static EntityDef>,
    migrations: Option<Migrations>,
    subscribers: Vec<Subscriber>,
    responders: Vec<Responder>,
    states: States,
    clock: Option<Clock>,
    shapes: Shapes,
    mistakes: Vec<String>,
}

impl Service {
    /// A service of this name. The name is part of its durable subscriptions, so it must not change between
    /// versions, and two services of one platform must not share it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: String::from("0.0.0"),
            docs: String::new(),
            publishes: Vec::new(),
            entities: Vec::new(),
            migrations: None,
            subscribers: Vec::new(),
            responders: Vec::new(),
            states: States::default(),
            clock: None,
            shapes: Shapes::new(),
            mistakes: Vec::new(),
        }
    }

    /// Its version, for documents: `env!("CARGO_PKG_VERSION")`.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// What it is for, for documents.
    #[must_use]
    pub fn docs(mut self, docs: impl Into<String>) -> Self {
        self.docs = docs.into();
        self
    }

    /// What it publishes besides what its subscribers return and its entities emit, for documents and for the lock of schemas:
    /// `events![AppointmentEvent, PatientRegistered]`.
    #[must_use]
    pub fn publishes(mut self, events: impl IntoIterator<Item = &'static EventInfo>) -> Self {
        self.publishes.extend(events);
        self
    }

    /// What it stores: `entities![Reminder, Invoice]`. Missing tables are created at start, unless the service has
    /// [migrations](Self::migrations). A table that is not what its entity declares keeps the service from starting.
    #[must_use]
    pub fn entities(mut self, entities: impl IntoIterator<Item = &'static EntityDef>) -> Self {
        self.entities.extend(entities);
        self
    }

    /// The SQL files that make its tables: `migrations!("migrations")`. They are applied at start, or by the command
    /// `migrate` when `DATABASE_MIGRATE=false`; of many processes that start at once one applies them. Nothing is
    /// created from declarations then; [`assert_schema!`](crate::assert_schema) proves in `cargo test` that the files
    /// make what is declared.
    #[must_use]
    pub fn migrations(mut self, migrations: Migrations) -> Self {
        self.migrations = Some(migrations);
        self
    }

    /// Who reacts: `subscribers![remind, bill]`.
    #[must_use]
    pub fn subscribe(mut self, subscribers: impl IntoIterator<Item = Subscriber>) -> Self {
        self.subscribers.extend(subscribers);
        self
    }

    /// Who answers: `responders![get, price]`. Of several processes of a service one gets each request.
    #[must_use]
    pub fn respond(mut self, responders: impl IntoIterator<Item = Responder>) -> Self {
        self.responders.extend(responders);
        self
    }

    /// Reacts to events that have no Rust type, with a closure that gets the event, the open transaction and the
    /// metadata. What it returns is as with `#[subscribe]`; for options and other arguments, let a function of
    /// `#[subscribe]` take the [`RawEvent`].
    ///
    /// ```
    /// use shared::event::{Draft, RawEvent};
    /// use shared::prelude::*;
    ///
    /// async fn count(event: RawEvent, _tx: &mut Tx, _meta: &Metadata) -> shared::Result<Draft> {
    ///     let data = serde_json::json!({ "type": event.event_type });
    ///     Ok(Draft::raw("audit.seen", "audit.seen", &data))
    /// }
    ///
    /// let service = Service::new("audit").subscribe_raw("count", "vitals.>", |event, tx, meta| Box::pin(count(event, tx, meta)));
    /// # drop(service);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn subscribe_raw<F, O>(mut self, name: &'static str, pattern: &'static str, handler: F) -> Self
    where
        F: for<'a> Fn(RawEvent, &'a mut Tx, &'a Metadata) -> BoxFuture<'a, Result<O>> + Send + Sync + 'static,
        O: Outcome + 'static,
    {
        self.subscribers.push(Subscriber::raw(name, pattern, handler));
        self
    }

    /// Something for its subscribers' `State<T>` arguments: a client, a cache, settings. One of each type.
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, state: T) -> Self {
        self.states.insert(state);
        self
    }

    /// Writes events on these subjects in another shape than CloudEvents' binary mode: for services that read no
    /// other. The first pattern that covers a subject decides; those of `EVENT_SHAPES` come before these. It goes for
    /// all that the process publishes.
    ///
    /// ```
    /// use shared::event::Shape;
    /// use shared::prelude::*;
    ///
    /// // a service in Python reads the flat JSON of the Python package
    /// let service = Service::new("scheduling").shape("appointment.>", Shape::Flat);
    /// # drop(service);
    /// ```
    #[must_use]
    pub fn shape(mut self, pattern: &str, shape: Shape) -> Self {
        match self.shapes.clone().with(pattern, shape) {
            Ok(shapes) => self.shapes = shapes,
            Err(error) => self.mistakes.push(error.to_string()),
        }
        self
    }

    /// Runs its handlers on a clock that a test can move.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it stores.
    #[must_use]
    pub fn entity_defs(&self) -> &[&'static EntityDef] {
        &self.entities
    }

    /// The files that make its tables, if it has some.
    #[must_use]
    pub fn migration_files(&self) -> Option<&Migrations> {
        self.migrations.as_ref()
    }

    /// Who reacts.
    #[must_use]
    pub fn subscribers(&self) -> &[Subscriber] {
        &self.subscribers
    }

    /// Who answers.
    #[must_use]
    pub fn responders(&self) -> &[Responder] {
        &self.responders
    }

    /// What it publishes and who in it takes what, for documents and for the lock of schemas.
    #[must_use]
    pub fn contract(&self) -> Contract {
        let returned = self.subscribers.iter().flat_map(|subscriber| subscriber.publishes);
        let emitted = self.entities.iter().flat_map(|entity| entity.emits.iter().copied().flatten());
        let mut publishes: Vec<&'static EventInfo> =
            self.publishes.iter().chain(returned).chain(emitted).copied().collect();
        publishes.sort_by_key(|event| event.event_type);
        publishes.dedup_by_key(|event| event.event_type);
        Contract {
            service: self.name.clone(),
            version: self.version.clone(),
            docs: self.docs.clone(),
            publishes,
            receivers: self.subscribers.iter().map(|subscriber| subscriber.receiver(&self.name)).collect(),
        }
    }

    /// Runs it as the environment says, until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// Whatever keeps it from starting; see [`start`].
    pub async fn run(self) -> Result<()> {
        run([self]).await
    }

    /// Runs it from the command line: `run` (default), `migrate`, `check`, `plan`, `outbox`, `dead-letters`; see `--help`.
    /// Sets up logging by `RUST_LOG`. Exits with 2 when the configuration is wrong, with 1 after any other error.
    ///
    /// # Errors
    /// Whatever goes wrong while the command runs.
    #[cfg(feature = "cli")]
    pub async fn main(self) -> Result<()> {
        cli::main(self).await
    }
}

impl From<&Service> for Contract {
    fn from(service: &Service) -> Self {
        service.contract()
    }
}

impl From<Service> for Contract {
    fn from(service: Service) -> Self {
        service.contract()
    }
}

/// Runs several services in one process, as the environment says, until SIGTERM or SIGINT: one pool, one bus,
/// one relay, one shutdown.
///
/// # Errors
/// Whatever keeps them from starting; see [`start`].
pub async fn run(services: impl IntoIterator<Item = Service>) -> Result<()> {
    let config = Config::from_env()?;
    let mut running = start(&config, services).await?;
    tokio::select! {
        () = signalled() => tracing::info!("asked to stop"),
        () = running.ended() => {}
    }
    running.shutdown().await
}
