//! Connections of Postgres that were given back a moment ago: the next statement takes one as it is.
//!
//! sqlx's pool asks the server after every use whether a connection is clean, and hands it out only after the answer: a
//! round trip more for each statement. Of a connection whose last statement came to its end that is known. Those stay
//! here for a moment, and go back to the pool, with its question and its limits on age and idleness, when nobody wants
//! them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::lease::RETURN;

/// A connection that was in use a moment ago is not asked whether it is alive.
pub(super) const FRESH: Duration = Duration::from_millis(500);

/// How long a connection has to show that it is alive.
pub(super) const ALIVE: Duration = Duration::from_secs(3);

/// How long a connection stays here without being wanted.
const IDLE: Duration = Duration::from_secs(1);

/// How often a connection that is always wanted goes back to the pool, which looks at its age.
const ROUND: Duration = Duration::from_secs(30);

/// A pool of Postgres, and its connections that are ready.
pub(super) struct Source {
    shared: Arc<Shared>,
    sweeper: AbortHandle,
}

struct Shared {
    pool: PgPool,
    /// A place for each connection that the pool may open: who has one finds a connection here or there.
    places: Arc<Semaphore>,
    ready: Mutex<Ready>,
    parked: Notify,
    runtime: Handle,
}

#[derive(Default)]
struct Ready {
    connections: Vec<Parked>,
    /// Somebody takes connections out of the pool itself, and could wait there for those that are here.
    bypassed: bool,
    closed: bool,
    /// Whether the sweeper knows that there is something to look after.
    swept: bool,
}

struct Parked {
    connection: PoolConnection<Postgres>,
    /// When it came out of the pool.
    left: Instant,
    since: Instant,
}

/// What a connection goes back with.
pub(super) struct Place {
    shared: Arc<Shared>,
    left: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Source {
    pub(super) fn new(pool: PgPool) -> Self {
        let places = usize::try_from(pool.options().get_max_connections()).unwrap_or(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            pool,
            places: Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS))),
            ready: Mutex::default(),
            parked: Notify::new(),
            runtime: Handle::current(),
        });
        let sweeper = tokio::spawn(Arc::clone(&shared).sweep()).abort_handle();
        Self { shared, sweeper }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.shared.pool
    }

    /// The pool, for somebody who takes connections out of it: none is kept from it any more.
    pub(super) fn bypass(&self) -> &PgPool {
        let kept = {
            let mut ready = self.shared.lock();
            ready.bypassed = true;
            std::mem::take(&mut ready.connections)
        };
        for parked in kept {
            self.shared.give_back(parked.connection, RETURN);
        }
        &self.shared.pool
    }

    /// How many connections are here, which the pool takes for used.
    pub(super) fn ready(&self) -> usize {
        self.shared.lock().connections.len()
    }

    pub(super) async fn close(&self) {
        let kept = {
            let mut ready = self.shared.lock();
            ready.closed = true;
            std::mem::take(&mut ready.connections)
        };
        for parked in kept {
            let _the_server_notices_its_end = tokio::time::timeout(RETURN, parked.connection.close()).await;
        }
        self.shared.pool.close().await;
    }

    pub(super) async fn acquire(&self) -> sqlx::Result<(PoolConnection<Postgres>, Place)> {
        match Arc::clone(&self.shared.places).try_acquire_owned() {
            Ok(permit) => self.shared.connection(permit).await,
            Err(_) => {
                // one limit for both waits
                let limit = self.shared.pool.options().get_acquire_timeout();
                let waiting = async {
                    let permit = Arc::clone(&self.shared.places).acquire_owned().await;
                    self.shared.connection(permit.map_err(|_| sqlx::Error::PoolClosed)?).await
                };
                tokio::time::timeout(limit, waiting).await.map_err(|_| sqlx::Error::PoolTimedOut)?
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ready> {
        // nothing that is done under the lock can panic halfway
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
    ) -> sqlx::Result<(PoolConnection<Postgres>, Place)> {
        loop {
            let parked = self.lock().connections.pop();
            let Some(Parked { mut connection, left, since }) = parked else { break };
            if since.elapsed() < FRESH || is_alive(&mut connection).await {
                return Ok((connection, Place { shared: Arc::clone(self), left, _permit: permit }));
            }
            connection.close_on_drop();
        }
        let connection = self.pool.acquire().await?;
        Ok((connection, Place { shared: Arc::clone(self), left: Instant::now(), _permit: permit }))
    }

    fn give_back(&self, mut connection: PoolConnection<Postgres>, patience: Duration) {
        // also where nothing runs any more
        let _entered = self.runtime.enter();
        // The pool asks the server whether the connection is clean, and waits for the answer for ever: behind a dead
        // link every connection would be lost to the pool.
        // boxed: it is large, and would be copied from place to place until it runs
        let returned = Box::pin(connection.return_to_pool());
        self.runtime.spawn(async move {
            let _closed_when_it_takes_longer = tokio::time::timeout(patience, returned).await;
        });
    }

    /// Gives connections back to the pool that nobody has wanted for a while.
    async fn sweep(self: Arc<Self>) {
        loop {
            self.parked.notified().await;
            loop {
                tokio::time::sleep(IDLE).await;
                let (unwanted, is_empty) = {
                    let mut ready = self.lock();
                    // the last one is taken first, so the first ones have waited longest
                    let fresh = ready.connections.iter().position(|parked| parked.since.elapsed() < IDLE);
                    let end = fresh.unwrap_or(ready.connections.len());
                    let unwanted: Vec<Parked> = ready.connections.drain(..end).collect();
                    ready.swept = !ready.connections.is_empty();
                    (unwanted, ready.connections.is_empty())
                };
                for parked in unwanted {
                    self.give_back(parked.connection, RETURN);
                }
                if is_empty {
                    break;
                }
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // sqlx closes a connection in a task
        let _entered = self.runtime.enter();
        self.lock().connections.clear();
    }
}

impl Place {
    /// Takes a connection back. `clean` if its last statement or transaction has come to its end; otherwise it has that
    /// long for it.
    pub(super) fn take_back(self, connection: PoolConnection<Postgres>, clean: bool, patience: Duration) {
        let connection = if clean { self.park(connection) } else { Some(connection) };
        if let Some(connection) = connection {
            self.shared.give_back(connection, patience);
        }
    }

    /// Keeps the connection here, or returns it.
    fn park(&self, connection: PoolConnection<Postgres>) -> Option<PoolConnection<Postgres>> {
        let since = Instant::now();
        if since.duration_since(self.left) > ROUND {
            return Some(connection);
        }
        let mut ready = self.shared.lock();
        if ready.bypassed || ready.closed {
            return Some(connection);
        }
        ready.connections.push(Parked { connection, left: self.left, since });
        if !std::mem::replace(&mut ready.swept, true) {
            self.shared.parked.notify_one();
        }
        None
    }
}

async fn is_alive(connection: &mut PoolConnection<Postgres>) -> bool {
    matches!(tokio::time::timeout(ALIVE, connection.ping()).await, Ok(Ok(())))
}
