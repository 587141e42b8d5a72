//! What the relay needs of a database.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Counters;
use super::seat::Seat;
use crate::db::ledger::{Entry, Ledger, Look};
use crate::db::outbox::{Pending, Published, Room};
use crate::db::{Db, schedule};
use crate::error::Result;
use crate::service::metrics::Metrics;
use crate::service::retention::{self, Retention};

/// The outbox, what was acknowledged of it, and what will come into it. See `db::outbox`, `db::ledger` and
/// `db::schedule`, which say what each of these does.
pub(crate) trait Store: Seat {
    fn unpublished(&self, after: i64, and: &[i64], room: Room) -> impl Future<Output = Result<Vec<Pending>>> + Send;
    fn latest(&self, limit: i64) -> impl Future<Output = Result<Vec<i64>>> + Send;
    fn mark(&self, published: &[Published], epoch: Option<i64>) -> impl Future<Output = Result<u64>> + Send;
    fn prune(&self, age: Duration) -> impl Future<Output = Result<u64>> + Send;

    fn streams(&self) -> impl Future<Output = Result<Vec<String>>> + Send;
    fn last_between(&self, stream: &str, above: i64, most: i64) -> impl Future<Output = Result<Option<Entry>>> + Send;
    fn has_doubles(&self, stream: &str) -> impl Future<Output = Result<bool>> + Send;
    fn look(&self, stream: &str) -> impl Future<Output = Result<Option<Look>>> + Send;
    fn note(&self, stream: &str, look: &Look) -> impl Future<Output = Result<()>> + Send;
    fn forget(&self, stream: &str) -> impl Future<Output = Result<()>> + Send;
    fn unpublish_above(&self, stream: &str, above: i64, limit: i64) -> impl Future<Output = Result<u64>> + Send;

    fn take_scheduled(&self) -> bool;
    fn next_due(&self) -> impl Future<Output = Result<Option<DateTime<Utc>>>> + Send;
    fn release_due(&self, now: DateTime<Utc>, limit: i64) -> impl Future<Output = Result<usize>> + Send;

    fn nudged(&self) -> impl Future<Output = ()> + Send;
    fn nudge_token(&self) -> impl Future<Output = Result<String>> + Send;

    fn metrics(&self, counters: &Counters) -> impl Future<Output = Result<Metrics>> + Send;
    fn sweep(&self, kept: &Retention) -> impl Future<Output = ()> + Send;
}

impl Store for Db {
    async fn unpublished(&self, after: i64, and: &[i64], room: Room) -> Result<Vec<Pending>> {
        self.outbox().unpublished(after, and, room).await
    }

    async fn latest(&self, limit: i64) -> Result<Vec<i64>> {
        self.outbox().latest(limit).await
    }

    async fn mark(&self, published: &[Published], epoch: Option<i64>) -> Result<u64> {
        self.outbox().mark(published, epoch).await
    }

    async fn prune(&self, age: Duration) -> Result<u64> {
        self.outbox().prune(age).await
    }

    async fn streams(&self) -> Result<Vec<String>> {
        Ledger::new(self.clone()).streams().await
    }

    async fn last_between(&self, stream: &str, above: i64, most: i64) -> Result<Option<Entry>> {
        Ledger::new(self.clone()).last_between(stream, above, most).await
    }

    async fn has_doubles(&self, stream: &str) -> Result<bool> {
        Ledger::new(self.clone()).has_doubles(stream).await
    }

    async fn look(&self, stream: &str) -> Result<Option<Look>> {
        Ledger::new(self.clone()).look(stream).await
    }

    async fn note(&self, stream: &str, look: &Look) -> Result<()> {
        Ledger::new(self.clone()).note(stream, look).await
    }

    async fn forget(&self, stream: &str) -> Result<()> {
        Ledger::new(self.clone()).forget(stream).await
    }

    async fn unpublish_above(&self, stream: &str, above: i64, limit: i64) -> Result<u64> {
        Ledger::new(self.clone()).unpublish_above(stream, above, limit).await
    }

    fn take_scheduled(&self) -> bool {
        Db::take_scheduled(self)
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>> {
        schedule::next(self).await
    }

    async fn release_due(&self, now: DateTime<Utc>, limit: i64) -> Result<usize> {
        schedule::release(self, now, limit).await
    }

    async fn nudged(&self) {
        Db::nudged(self).await;
    }

    async fn nudge_token(&self) -> Result<String> {
        Db::nudge_token(self).await
    }

    async fn metrics(&self, counters: &Counters) -> Result<Metrics> {
        Metrics::read(self, counters).await
    }

    async fn sweep(&self, kept: &Retention) {
        retention::sweep(self, kept).await;
    }
}
