//! Transactions: rows and events together, or neither.

mod checkout;
mod connection;
mod way_out;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};

use self::checkout::Slot;
#[cfg(feature = "sqlite")]
use self::connection::Connection;
use self::connection::connect;
#[cfg(feature = "sqlite")]
use super::broken_key::{self, Broken, Write};
use super::executor::{Access, Executor};
#[cfg(feature = "sqlite")]
use super::failure::foreign_key;
use super::failure::{READ_ONLY, classify};
use super::fence::Fence;
use super::lease::limited;
use super::tx_options::TxOptions;
use super::{Db, SqlText, outbox, schedule};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::event::{Outgoing, Publish};
use crate::id;

/// Later times do not sort as texts.
const LAST_YEAR: i32 = 9999;

/// An open transaction. What is written through it and what is published through it becomes visible
/// together at the commit, or never.
///
/// Get one from [`Db::transaction`] or as the `&mut Tx` argument of a subscriber. Dropping it rolls it back.
/// A statement whose future is dropped half-way breaks the transaction: everything after it fails and it is
/// rolled back, since nobody knows whether the statement ran.
#[derive(Debug)]
pub struct Tx {
    inner: Arc<TxInner>,
    /// Whether this is the transaction itself, and not one within it.
    outermost: bool,
}

/// The state of a transaction, shared between it and the repositories made from it.
pub struct TxInner {
    db: Db,
    /// That of the event which is handled, if several are in one transaction.
    context: Mutex<Context>,
    read_only: bool,
    slot: Mutex<Slot>,
    // no statement is under way while one of these is locked, and no lock is held across an await
    events: Mutex<Vec<Outgoing>>,
    /// Those that wait for their time, which is the event's own.
    scheduled: Mutex<Vec<Outgoing>>,
    after_commit: Mutex<Vec<Hook>>,
}

/// What runs after the commit, in the context in which that was asked for.
struct Hook {
    context: Context,
    run: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for TxInner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("engine", &self.db.engine()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // the guarded values are replaced as a whole: a panic elsewhere leaves none half-written
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TxInner {
    fn context(&self) -> Context {
        lock(&self.context).clone()
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Publishes all of the drafts, or none when one of them is refused.
    pub(super) fn publish(&self, drafts: Vec<crate::event::Draft>) -> Result<()> {
        let context = self.context();
        let events: Result<Vec<Outgoing>> = drafts.into_iter().map(|draft| self.db.seal(draft, &context)).collect();
        lock(&self.events).extend(events?);
        Ok(())
    }

    /// From here on it can only be rolled back, as after a failed statement.
    pub(super) fn fail(&self) {
        if let Ok(checkout) = self.take(false) {
            checkout.give_back(false);
        }
    }
}

/// Looks up which foreign key refused a write, in a transaction made for that.
#[cfg(feature = "sqlite")]
pub(super) async fn broken_key(db: &Db, write: Write<'_>) -> Option<Broken> {
    let tx = Tx::begin(db).await.ok()?;
    let found = tx.inner.broken_key(write).await;
    // dropped, it is rolled back, too
    let _infallible = tx.rollback().await;
    found
}

#[cfg(feature = "sqlite")]
impl TxInner {
    /// Looks up which foreign key refused a write, which was the end of this transaction.
    pub(super) async fn broken_key(&self, write: Write<'_>) -> Option<Broken> {
        let mut checkout = self.take(true).ok()?;
        let found = match checkout.sqlite() {
            Some(connection) => broken_key::of_write(connection, write).await.ok().flatten(),
            None => None,
        };
        checkout.give_back(false);
        found
    }
}

impl Tx {
    pub(crate) async fn begin(db: &Db) -> Result<Self> {
        Self::begin_with(db, TxOptions::new()).await
    }

    pub(super) async fn begin_with(db: &Db, options: TxOptions) -> Result<Self> {
        Self::begin_under(db, options, None).await
    }

    /// Begins a transaction that is none any more once somebody else has taken over the claim: then this fails with
    /// [`fenced`], or the transaction is ended from there.
    pub(crate) async fn begin_fenced(db: &Db, fence: Option<&Fence>) -> Result<Self> {
        Self::begin_under(db, TxOptions::new(), fence.cloned()).await
    }

    async fn begin_under(db: &Db, options: TxOptions, fence: Option<Fence>) -> Result<Self> {
        let options = if db.is_read_only() { options.read_only() } else { options };
        let (db, context) = (db.clone(), Context::current());
        // A future dropped inside sqlx' `begin` can leave a pooled connection in an open transaction (9 of 23
        // tries on Postgres with sqlx 0.9.0). In a task of its own `begin` always runs to its end, which the
        // pool's timeout bounds; a transaction that nobody waits for any more is rolled back by its drop.
        let task = tokio::spawn(async move {
            let connection = connect(&db, options, fence.as_ref()).await?;
            Ok(Self {
                inner: Arc::new(TxInner {
                    db,
                    context: Mutex::new(context),
                    read_only: options.refuses_writes(),
                    slot: Mutex::new(Slot::Idle(connection)),
                    events: Mutex::default(),
                    scheduled: Mutex::default(),
                    after_commit: Mutex::default(),
                }),
                outermost: true,
            })
        });
        task.await.map_err(|_| Error::Unavailable { what: "the runtime is shutting down".into(), source: None })?
    }

    /// What follows belongs to another event than what came before.
    pub(crate) fn enter(&self, context: Context) {
        *lock(&self.inner.context) = context;
    }

    /// The repository of an entity, inside this transaction.
    #[must_use]
    pub fn repo<E: crate::entity::Entity>(&self) -> crate::entity::Repo<E> {
        crate::entity::Repo::new(self.executor())
    }

    pub(crate) fn executor(&self) -> Executor {
        Executor::Tx(Arc::clone(&self.inner))
    }

    /// The database this transaction is in.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// Publishes an event if, and only if, this transaction commits.
    ///
    /// The event is validated, encoded and checked against the limits here, so a mistake is an error of this
    /// call; it is stored with the transaction's rows and sent after the commit. Returns the event's id.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation; [`Error::Usage`] when it is too large.
    #[allow(clippy::unused_async)] // part of the signature: storing may become a round trip
    pub async fn publish(&self, event: impl Publish) -> Result<uuid::Uuid> {
        self.publish_draft(event.draft()?)
    }

    pub(crate) fn publish_draft(&self, draft: crate::event::Draft) -> Result<uuid::Uuid> {
        if self.inner.read_only {
            return Err(Error::Usage(READ_ONLY.into()));
        }
        let event = self.inner.db.seal(draft, &self.inner.context())?;
        let id = event.id;
        lock(&self.inner.events).push(event);
        Ok(id)
    }

    /// Publishes an event at a time to come, if this transaction commits: a reminder, a deadline, an escalation. Returns
    /// the event's id, by which it can be cancelled.
    ///
    /// It waits in the database, through restarts of any process, and is published when its time has come by the clock of
    /// the process that publishes the outbox; late when none runs then. Its `time` is the one given here. Among the events
    /// of its key it takes its place when it becomes due: after what was committed before, and in the order of the times
    /// of those that wait. With a time that has passed it is published like any other.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # #[cfg(feature = "sqlite")] {
    /// use chrono::TimeDelta;
    /// use shared::prelude::*;
    /// use shared::testing::TestService;
    ///
    /// #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
    /// #[event(subject = "appointment.reminder_due", key = appointment)]
    /// struct ReminderDue {
    ///     appointment: String,
    /// }
    ///
    /// let service = TestService::start([Service::new("reminders")]).await?;
    /// let reminder = ReminderDue { appointment: "a-7".into() };
    /// let tomorrow = time::now() + TimeDelta::days(1);
    /// service.db().transaction(async |tx| tx.publish_at(&reminder, tomorrow).await).await?;
    /// service.settled().await?;
    /// assert_eq!(service.published::<ReminderDue>().await?, []);
    ///
    /// service.clock().advance(TimeDelta::days(1));
    /// service.settled().await?;
    /// assert_eq!(service.published::<ReminderDue>().await?, [reminder]);
    /// # }
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Those of [`publish`](Self::publish); [`Error::Usage`] for a time after the year 9999.
    #[allow(clippy::unused_async)] // see `publish`
    pub async fn publish_at(&self, event: impl Publish, due: DateTime<Utc>) -> Result<uuid::Uuid> {
        let draft = event.draft()?;
        if due <= crate::time::now() {
            return self.publish_draft(draft);
        }
        if self.inner.read_only {
            return Err(Error::Usage(READ_ONLY.into()));
        }
        if due.year() > LAST_YEAR {
            return Err(Error::Usage(
                format!("event `{}` is scheduled for a time after the year {LAST_YEAR}", draft.event_type).into(),
            ));
        }
        let event = self.inner.db.seal_for(crate::time::truncate(due), draft, &self.inner.context())?;
        let id = event.id;
        lock(&self.inner.scheduled).push(event);
        Ok(id)
    }

    /// Publishes an event after a while, if this transaction commits; see [`publish_at`](Self::publish_at).
    ///
    /// # Errors
    /// See [`publish_at`](Self::publish_at).
    pub async fn publish_in(&self, event: impl Publish, after: Duration) -> Result<uuid::Uuid> {
        let after = TimeDelta::from_std(after).unwrap_or(TimeDelta::MAX);
        let due = crate::time::now().checked_add_signed(after).unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.publish_at(event, due).await
    }

    /// Cancels a scheduled event, if this transaction commits. `false` when it does not wait any more: it has become due,
    /// was cancelled before, or never was.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn cancel(&self, event_id: uuid::Uuid) -> Result<bool> {
        let own = {
            let mut scheduled = lock(&self.inner.scheduled);
            let place = scheduled.iter().position(|event| event.id == event_id);
            place.map(|place| scheduled.remove(place)).is_some()
        };
        if own { Ok(true) } else { schedule::cancel(&self.executor(), event_id).await }
    }

    /// Publishes an event that has no Rust type, checked at run time; see [`Bus::publish_raw`](crate::Bus::publish_raw).
    ///
    /// # Errors
    /// [`Error::Usage`]: the subject is none, or the event is too large.
    #[allow(clippy::unused_async)] // see `publish`
    pub async fn publish_raw(&self, subject: &str, event_type: &str, data: &serde_json::Value) -> Result<uuid::Uuid> {
        self.publish_draft(crate::event::Draft::raw(subject, event_type, data))
    }

    /// Runs something after the commit, if it comes. It must be quick and cannot fail; for work that must not
    /// be lost, publish an event.
    pub fn after_commit(&self, hook: impl FnOnce() + Send + 'static) {
        let context = self.inner.context();
        lock(&self.inner.after_commit).push(Hook { context, run: Box::new(hook) });
    }

    /// A transaction within this one: when the closure fails, its rows and events are undone and this
    /// transaction goes on.
    ///
    /// # Errors
    /// The closure's error, or that of the savepoint.
    pub async fn transaction<T, F>(&mut self, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut Self) -> Result<T>,
    {
        let executor = self.executor();
        let name = format!("s_{}", id::new().simple());
        let (events, hooks) = (lock(&self.inner.events).len(), lock(&self.inner.after_commit).len());
        // as a whole: it may cancel some of them
        let scheduled = lock(&self.inner.scheduled).clone();
        executor.execute_script(SqlText::built(format!("SAVEPOINT {name}"))).await?;
        let mut guard = SavepointGuard { tx: &self.inner, armed: true };
        let mut inner = Self { inner: Arc::clone(&self.inner), outermost: false };
        let result = match work(&mut inner).await {
            // refused when the closure swallowed the error of a statement
            Ok(value) => {
                let release = format!("RELEASE SAVEPOINT {name}");
                executor.execute_script(SqlText::built(release)).await.map(|()| value)
            }
            error => error,
        };
        if result.is_err() {
            let undo = format!("ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}");
            // broken: then the guard sees to it that it stays so
            let Ok(mut checkout) = self.inner.take(true) else { return result };
            let undone = limited(self.inner.db.limit(), checkout.script(SqlText::built(undo).into_sql())).await;
            let Some(undone) = undone else {
                checkout.kill();
                return result;
            };
            checkout.give_back(undone.is_ok());
            undone.map_err(|error| classify(error, executor.engine(), None))?;
            lock(&self.inner.events).truncate(events);
            *lock(&self.inner.scheduled) = scheduled;
            lock(&self.inner.after_commit).truncate(hooks);
        }
        guard.armed = false;
        result
    }

    /// Writes the events and commits.
    pub(crate) async fn commit(self) -> Result<()> {
        let events = std::mem::take(&mut *lock(&self.inner.events));
        if !events.is_empty() {
            outbox::insert(&self.executor(), &events).await?;
        }
        let scheduled = std::mem::take(&mut *lock(&self.inner.scheduled));
        if !scheduled.is_empty() {
            schedule::store(&self.executor(), &scheduled).await?;
        }
        let checkout = self.inner.checkout(Access::Read)?;
        let Some(mut connection) = checkout.end() else { return Ok(()) };
        let db = self.inner.db.clone();
        let hooks = std::mem::take(&mut *lock(&self.inner.after_commit));
        let (published, scheduled) = (!events.is_empty(), !scheduled.is_empty());
        // in a task of its own, so that a caller who goes away leaves no commit half sent and no hook behind
        let task = tokio::spawn(async move {
            let Some(committed) = limited(db.limit(), connection.commit()).await else {
                connection.kill();
                return Err(Error::Timeout { what: "the commit" });
            };
            if let Err(error) = committed {
                let error = db.classify(error, None);
                #[cfg(feature = "sqlite")]
                if let (Error::ForeignKey { .. }, Connection::Sqlite(lease)) = (&error, &mut connection)
                    && let Ok(Some(broken)) = broken_key::of_commit(lease.connection()).await
                {
                    return Err(foreign_key(broken, None, db.known()));
                }
                return Err(error);
            }
            drop(connection);
            if scheduled {
                db.nudge_schedule();
            } else if published {
                db.nudge();
            }
            let mut panicked = None;
            for Hook { context, run } in hooks {
                // one of them keeps none of the others from running: they may be another event's
                if let Err(panic) = context.run(|| std::panic::catch_unwind(AssertUnwindSafe(run))) {
                    panicked.get_or_insert(panic);
                }
            }
            match panicked {
                Some(panic) => std::panic::resume_unwind(panic),
                None => Ok(()),
            }
        });
        match task.await {
            Ok(result) => result,
            // a hook's panic is the caller's, as if it had run here
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::Timeout { what: "the commit (the runtime is shutting down)" }),
            },
        }
    }

    /// Commits or rolls back, as the work in it has ended.
    pub(super) async fn end<T>(self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                if let Err(undo) = self.rollback().await {
                    tracing::warn!(
                        error = undo.report(),
                        "rollback failed; the server rolls back when the connection closes"
                    );
                }
                Err(error)
            }
        }
    }

    /// Undoes everything.
    pub(crate) async fn rollback(self) -> Result<()> {
        let Ok(checkout) = self.inner.take(true) else { return Ok(()) };
        let Some(mut connection) = checkout.end() else { return Ok(()) };
        let Some(result) = limited(self.inner.db.limit(), connection.rollback()).await else {
            connection.kill();
            return Err(Error::Timeout { what: "the rollback" });
        };
        result.map_err(|error| classify(error, self.inner.db.engine(), None))
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if self.outermost {
            // a repository made from it may live longer; the connection must not
            let ended = std::mem::replace(&mut *lock(&self.inner.slot), Slot::Ended);
            drop(ended);
        }
    }
}

/// A nested transaction whose future is dropped leaves an open savepoint: the whole transaction is broken then.
struct SavepointGuard<'t> {
    tx: &'t TxInner,
    armed: bool,
}

impl Drop for SavepointGuard<'_> {
    fn drop(&mut self) {
        if self.armed {
            let broken = std::mem::replace(&mut *lock(&self.tx.slot), Slot::Broken);
            drop(broken);
        }
    }
}
