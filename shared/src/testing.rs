//! Services under test, in-process: a database in memory, the in-process bus, a clock that can be moved.

use std::time::Duration;

use crate::bus::Bus;
use crate::config::Config;
use crate::db::{Db, DeadLetter};
use crate::entity::{Entity, Repo};
use crate::error::Result;
use crate::event::{Event, EventSet, Publish};
use crate::service::{Running, Service};
use crate::time::Clock;

/// A service that runs inside a test: the same code as in production, with nothing to install.
///
/// ```
/// use shared::prelude::*;
/// use shared::testing::TestService;
///
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// let service = TestService::start([Service::new("empty")]).await?;
/// service.settled().await?;
/// assert!(service.dead_letters().await?.is_empty());
/// # Ok::<(), shared::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct TestService {
    running: Running,
    clock: Clock,
}

/// How long [`TestService::settled`] waits.
const DEADLINE: Duration = Duration::from_secs(30);

impl TestService {
    /// Starts services on a database and a bus of their own.
    ///
    /// # Errors
    /// See [`start`](crate::service::start).
    pub async fn start(services: impl IntoIterator<Item = Service>) -> Result<Self> {
        let clock = Clock::new();
        let config = Config::embedded().with_database_url("sqlite::memory:").with_service("test");
        let db = Db::connect(&config.database_url).await?.with_source("test");
        let services = services.into_iter().map(|service| service.clock(clock.clone())).collect();
        let running = crate::service::start_on(db, Bus::local().with_source("test"), &config, services).await?;
        Ok(Self { running, clock })
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        self.running.db()
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        self.running.bus()
    }

    /// The repository of an entity.
    #[must_use]
    pub fn repo<E: Entity>(&self) -> Repo<E> {
        self.db().repo()
    }

    /// The clock that the handlers see.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Publishes an event as another service would, through the outbox.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) with every violation.
    pub async fn publish(&self, event: impl Publish) -> Result<()> {
        let context = crate::Context::new().with_clock(self.clock.clone());
        context.scope(self.db().transaction(async |tx| tx.publish(event).await.map(|_| ()))).await
    }

    /// Waits until everything that was published is handled or parked, and so is what that published.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout) after 30 s.
    pub async fn settled(&self) -> Result<()> {
        self.running.settled(DEADLINE).await
    }

    /// Every published event of a type, in the order of publication; the test's own included.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn published<E: Event + EventSet>(&self) -> Result<Vec<E>> {
        self.db()
            .outbox()
            .payloads(E::TYPE)
            .await?
            .iter()
            .map(|payload| <E as EventSet>::decode(E::TYPE, payload))
            .collect()
    }

    /// What could not be handled.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        self.db().dead_letters().list().await
    }

    /// What runs.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Stops it as SIGTERM would.
    ///
    /// # Errors
    /// See [`Running::shutdown`].
    pub async fn shutdown(self) -> Result<()> {
        self.running.shutdown().await
    }
}
