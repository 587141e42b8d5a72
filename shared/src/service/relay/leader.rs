//! Which process publishes the outbox: a lock that dies with its holder, and a lease for a holder that is neither dead nor
//! alive.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[cfg(feature = "postgres")]
use crate::db::relay_lease::RelayLease;
use crate::db::{Db, Location};

/// How often a standing-by process asks.
const ASK: Duration = Duration::from_millis(500);

/// How often a leader looks after its lock, and renews its lease.
#[cfg(feature = "postgres")]
const BEAT: Duration = Duration::from_secs(1);

/// The longest wait for the database's answer.
#[cfg(feature = "postgres")]
const ANSWER: Duration = Duration::from_secs(3);

/// How long a leader goes on without having heard that it still is the leader.
#[cfg(feature = "postgres")]
const TRUST: Duration = Duration::from_secs(5);

/// How long a leader may be silent until another process takes its place. Longer than `TRUST`: it has stopped by then.
#[cfg(feature = "postgres")]
const PATIENCE: Duration = Duration::from_secs(10);

/// The right to publish the outbox of a database, held by one process at a time.
pub(crate) struct Leadership {
    lock: Lock,
    fence: Fence,
    #[cfg(feature = "postgres")]
    lease: Option<RelayLease>,
}

enum Lock {
    /// Postgres: an advisory lock of a session, or behind PgBouncer of a transaction, which keeps its connection to the
    /// server; the server frees it when the connection ends.
    #[cfg(feature = "postgres")]
    Session(Box<sqlx::PgConnection>),
    /// Postgres: somebody else holds the lock and does not move.
    #[cfg(feature = "postgres")]
    WithHolderSilent,
    /// SQLite: an operating system's lock on a file beside the database, freed when the process ends.
    #[cfg(feature = "sqlite")]
    File(std::fs::File),
    /// A database in memory has one process.
    #[cfg(feature = "sqlite")]
    Only,
}

/// Whether a process that was the leader a moment ago still is: after a pause of any length it finds out before it does
/// anything. Measured by a clock that nobody sets.
#[derive(Clone)]
pub(crate) struct Fence {
    /// `None`: for ever.
    until: Option<Arc<Mutex<Instant>>>,
    epoch: Option<i64>,
}

impl Fence {
    const OPEN: Self = Self { until: None, epoch: None };

    #[cfg(feature = "postgres")]
    fn of(lease: &RelayLease, until: Instant) -> Self {
        Self { until: Some(Arc::new(Mutex::new(until))), epoch: Some(lease.epoch()) }
    }

    /// Whether this process may publish.
    pub(crate) fn holds(&self) -> bool {
        self.until.as_ref().is_none_or(|until| Instant::now() < *until.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of this leadership, if leaderships are numbered.
    pub(crate) fn epoch(&self) -> Option<i64> {
        self.epoch
    }

    /// Nothing may be published until the lease was renewed.
    pub(crate) fn doubt(&self) {
        self.set(Instant::now());
    }

    fn set(&self, moment: Instant) {
        if let Some(until) = &self.until {
            *until.lock().unwrap_or_else(PoisonError::into_inner) = moment;
        }
    }
}

/// A process that waits for its turn.
pub(crate) struct Candidate {
    db: Db,
    /// Whether it may take the place of a leader that is silent: not where two would not hear of each other's events.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // SQLite knows no silence
    impatient: bool,
    /// What the lease looked like, and since when.
    #[cfg(feature = "postgres")]
    seen: Option<(crate::db::relay_lease::Beat, Instant)>,
}

impl Candidate {
    pub(crate) fn new(db: &Db, impatient: bool) -> Self {
        Self {
            db: db.clone(),
            impatient,
            #[cfg(feature = "postgres")]
            seen: None,
        }
    }

    /// Asks for the lock; `None` after a pause when somebody else has it or the database is away.
    pub(crate) async fn ask(&mut self) -> Option<Leadership> {
        let got = match self.db.location() {
            #[cfg(feature = "postgres")]
            Location::Server(_) => self.on_server().await,
            #[cfg(feature = "sqlite")]
            Location::File(path) => file(path).map(Leadership::fenceless),
            #[cfg(feature = "sqlite")]
            Location::Memory => Some(Leadership::fenceless(Lock::Only)),
        };
        if got.is_none() {
            tokio::time::sleep(ASK).await;
        }
        got
    }

    #[cfg(feature = "postgres")]
    async fn on_server(&mut self) -> Option<Leadership> {
        let lock = session(&self.db).await;
        if !self.impatient {
            return lock.map(Leadership::fenceless);
        }
        let asked = Instant::now();
        if let Some(lock) = lock {
            let lease = limited(RelayLease::take(&self.db)).await?;
            return Some(Leadership::leased(lock, lease, asked));
        }
        let beat = limited(RelayLease::beat(&self.db)).await?;
        match self.seen {
            Some((seen, since)) if seen == beat => {
                if since.elapsed() < PATIENCE {
                    return None;
                }
                self.seen = None;
                let lease = limited(RelayLease::take_from(&self.db, beat)).await??;
                tracing::warn!("the process that publishes the outbox has not moved for a while; this one takes over");
                Some(Leadership::leased(Lock::WithHolderSilent, lease, asked))
            }
            _ => {
                self.seen = Some((beat, asked));
                None
            }
        }
    }
}

#[cfg(feature = "postgres")]
async fn limited<T>(work: impl Future<Output = crate::error::Result<T>>) -> Option<T> {
    tokio::time::timeout(ANSWER, work).await.ok()?.ok()
}

#[cfg(feature = "postgres")]
async fn session(db: &Db) -> Option<Lock> {
    use sqlx::ConnectOptions as _;
    // a connection of its own: a pool would close it when idle, and with it the lock
    let options = db.postgres_options()?;
    let mut connection = options.connect().await.ok()?;
    let sql = if db.is_behind_pgbouncer() {
        // Between two statements of a READ COMMITTED transaction that writes nothing, no snapshot is held: it keeps
        // nobody from cleaning up.
        sqlx::raw_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY").execute(&mut connection).await.ok()?;
        "SELECT pg_try_advisory_xact_lock(7809917286538508)"
    } else {
        "SELECT pg_try_advisory_lock(7809917286538508)"
    };
    let got: (bool,) = sqlx::query_as(sql).fetch_one(&mut connection).await.ok()?;
    got.0.then(|| Lock::Session(Box::new(connection)))
}

#[cfg(feature = "sqlite")]
fn file(database: &std::path::Path) -> Option<Lock> {
    let mut path = database.as_os_str().to_owned();
    path.push("-relay");
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
    file.try_lock().ok()?;
    Some(Lock::File(file))
}

impl Leadership {
    fn fenceless(lock: Lock) -> Self {
        Self {
            lock,
            fence: Fence::OPEN,
            #[cfg(feature = "postgres")]
            lease: None,
        }
    }

    #[cfg(feature = "postgres")]
    fn leased(lock: Lock, lease: RelayLease, asked: Instant) -> Self {
        Self { lock, fence: Fence::of(&lease, asked + TRUST), lease: Some(lease) }
    }

    pub(crate) fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// Waits until the right is lost; for ever when it cannot be.
    pub(crate) async fn lost(&mut self) {
        #[cfg(feature = "postgres")]
        if self.lock.is_on_server() {
            loop {
                tokio::time::sleep(BEAT).await;
                if !self.lock.is_held().await || !self.is_leased().await {
                    return;
                }
            }
        }
        std::future::pending().await
    }

    /// Renews the lease. While the database does not answer it runs out by itself.
    #[cfg(feature = "postgres")]
    async fn is_leased(&self) -> bool {
        let Some(lease) = &self.lease else { return true };
        let asked = Instant::now();
        match limited(lease.renew()).await {
            Some(true) => self.fence.set(asked + TRUST),
            Some(false) => {
                self.fence.doubt();
                return false;
            }
            None => {}
        }
        true
    }

    /// Gives the lock up at once, so that another process need not wait for the server to notice.
    pub(crate) async fn release(self) {
        match self.lock {
            #[cfg(feature = "postgres")]
            Lock::Session(connection) => {
                use sqlx::Connection as _;
                let _ = tokio::time::timeout(Duration::from_secs(1), connection.close()).await;
            }
            #[cfg(feature = "postgres")]
            Lock::WithHolderSilent => {}
            #[cfg(feature = "sqlite")]
            Lock::File(file) => drop(file),
            #[cfg(feature = "sqlite")]
            Lock::Only => {}
        }
    }
}

#[cfg(feature = "postgres")]
impl Lock {
    fn is_on_server(&self) -> bool {
        match self {
            Self::Session(_) | Self::WithHolderSilent => true,
            #[cfg(feature = "sqlite")]
            Self::File(_) | Self::Only => false,
        }
    }

    async fn is_held(&mut self) -> bool {
        let Self::Session(connection) = self else { return true };
        // not `ping`, which sends nothing but a Sync: PgBouncer might answer that by itself
        let question = sqlx::raw_sql("SELECT 1").execute(&mut **connection);
        matches!(tokio::time::timeout(ANSWER, question).await, Ok(Ok(_)))
    }
}
