//! What a subscription needs of its database.
//!
//! The seam at which the simulation puts a model in the place of Postgres and SQLite, so that the code that runs in a
//! service runs there. It is of a subscription's own terms (note an event, park a message, call the handler) and not of
//! statements: a model of those would be a database. [`Subscription`](super::handle::Subscription) and what runs it are
//! generic over it, with [`Db`] as the default; nothing public is, since what a handler gets is decided on this side of
//! the seam, by [`Store::call`]. Each method is called directly, and compiled for `Db` once, in this crate.

use std::collections::HashSet;
use std::future::Future;

use uuid::Uuid;

use super::extract::{Call, Parts, States};
use super::subscriber::{BoxFuture, Prepared};
use crate::bus::Bus;
use crate::context::Context;
use crate::db::dead_letter;
use crate::db::fence::Fence;
use crate::db::inbox::{self, Repeated};
use crate::db::{Db, Engine, Tx};
use crate::error::{Error, Result};
use crate::event::{Delivered, Draft, Metadata};

/// See the module.
pub(crate) trait Store: Send + Sync + 'static {
    type Tx: Transaction;

    /// The largest payload that is read.
    fn max_payload(&self) -> usize;

    /// Whether it has one transaction at a time.
    fn has_one_writer(&self) -> bool;

    /// Begins a transaction, which comes to nothing once somebody else has taken over.
    fn begin(&self, fence: Option<&Fence>) -> impl Future<Output = Result<Self::Tx>> + Send;

    /// Whether a subscription has handled an event.
    fn contains(&self, subscription: &str, metadata: &Metadata) -> impl Future<Output = Result<bool>> + Send;

    /// Counts a delivery that was suppressed, if it is the event that was handled.
    fn repeated(
        &self,
        subscription: &str,
        id: &str,
        metadata: &Metadata,
    ) -> impl Future<Output = Result<Repeated>> + Send;

    /// Whether it answers.
    fn ping(&self) -> impl Future<Output = Result<()>> + Send;

    /// Calls a handler; returns what is to be published.
    fn call<'a>(
        &'a self,
        prepared: Box<dyn Prepared>,
        tx: Option<&'a mut Self::Tx>,
        around: Around<'a>,
    ) -> BoxFuture<'a, Result<Vec<Draft>>>;
}

/// What a handler may take besides the database.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) bus: &'a Bus,
    pub(crate) metadata: &'a Metadata,
    pub(crate) pattern: &'a str,
    pub(crate) states: &'a States,
}

/// A transaction of a [`Store`]: dropped, it comes to nothing.
pub(crate) trait Transaction: Send + Sync {
    /// Notes an event as handled by a subscription; `false` when it was already.
    fn note(&self, subscription: &str, id: &str, metadata: &Metadata) -> impl Future<Output = Result<bool>> + Send;

    /// Notes events as handled, each once; returns the identities of those that were not noted before.
    fn note_all(
        &self,
        subscription: &str,
        events: Vec<&Metadata>,
    ) -> impl Future<Output = Result<HashSet<String>>> + Send;

    /// Takes a dead letter for its replay; the id under which the inbox knows the event, `None` when it does not wait.
    fn take_letter(
        &self,
        letter: Uuid,
        subscription: &str,
        metadata: &Metadata,
    ) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Writes a dead letter.
    fn park(
        &self,
        subscription: &str,
        id: &str,
        message: &Delivered,
        metadata: &Metadata,
        error: &Error,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Counts an event that was refused for having the id of another one.
    fn count_reused_id(&self, subscription: &str) -> impl Future<Output = Result<()>> + Send;

    /// Publishes an event if the transaction commits.
    fn publish(&self, draft: Draft) -> Result<()>;

    /// What follows belongs to another event than what came before.
    fn enter(&self, context: Context);

    fn commit(self) -> impl Future<Output = Result<()>> + Send;

    fn rollback(self) -> impl Future<Output = Result<()>> + Send;
}

impl Store for Db {
    type Tx = Tx;

    fn max_payload(&self) -> usize {
        Self::max_payload(self)
    }

    fn has_one_writer(&self) -> bool {
        self.engine() == Engine::Sqlite
    }

    fn begin(&self, fence: Option<&Fence>) -> impl Future<Output = Result<Tx>> + Send {
        Tx::begin_fenced(self, fence)
    }

    async fn contains(&self, subscription: &str, metadata: &Metadata) -> Result<bool> {
        inbox::contains(&self.executor(), subscription, metadata).await
    }

    async fn repeated(&self, subscription: &str, id: &str, metadata: &Metadata) -> Result<Repeated> {
        inbox::repeated(&self.executor(), subscription, id, metadata).await
    }

    fn ping(&self) -> impl Future<Output = Result<()>> + Send {
        Self::ping(self)
    }

    fn call<'a>(
        &'a self,
        prepared: Box<dyn Prepared>,
        tx: Option<&'a mut Tx>,
        Around { bus, metadata, pattern, states }: Around<'a>,
    ) -> BoxFuture<'a, Result<Vec<Draft>>> {
        prepared.call(Call { tx, parts: Parts { db: self, bus, metadata, pattern, states } })
    }
}

impl Transaction for Tx {
    async fn note(&self, subscription: &str, id: &str, metadata: &Metadata) -> Result<bool> {
        inbox::insert(&self.executor(), subscription, id, metadata).await
    }

    async fn note_all(&self, subscription: &str, events: Vec<&Metadata>) -> Result<HashSet<String>> {
        inbox::insert_all(&self.executor(), subscription, events).await
    }

    async fn take_letter(&self, letter: Uuid, subscription: &str, metadata: &Metadata) -> Result<Option<String>> {
        dead_letter::take(&self.executor(), letter, subscription, metadata).await
    }

    async fn park(
        &self,
        subscription: &str,
        id: &str,
        message: &Delivered,
        metadata: &Metadata,
        error: &Error,
    ) -> Result<()> {
        dead_letter::insert(&self.executor(), subscription, id, message, metadata, error).await
    }

    async fn count_reused_id(&self, subscription: &str) -> Result<()> {
        inbox::count_reused_id(&self.executor(), subscription).await
    }

    fn publish(&self, draft: Draft) -> Result<()> {
        self.publish_draft(draft).map(drop)
    }

    fn enter(&self, context: Context) {
        Self::enter(self, context);
    }

    fn commit(self) -> impl Future<Output = Result<()>> + Send {
        Self::commit(self)
    }

    fn rollback(self) -> impl Future<Output = Result<()>> + Send {
        Self::rollback(self)
    }
}
