//! A database server of numbers: transactions that take their positions early and commit late or never, locks of keys that
//! are taken before, statements whose outcome nobody hears of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::super::leader::TRUST;
use super::super::seat::Seat;
use super::super::store::Store;
use super::planted::Bug;
use super::world::Process;
use crate::bus::unavailable;
use crate::db::ledger::{Entry, Look};
use crate::db::outbox::{Pending, Published, Room};
use crate::db::relay_lease::Beat;
use crate::error::{Error, Result};
use crate::event::Outgoing;
use crate::service::metrics::Metrics;
use crate::service::relay::Counters;
use crate::service::retention::Retention;

/// How many keys there are.
pub(super) const KEYS: usize = 3;

#[derive(Default)]
pub(super) struct Tables {
    /// The last position that was given to a transaction.
    pub(super) last: i64,
    pub(super) rows: BTreeMap<i64, Row>,
    /// What is not committed yet.
    pub(super) open: BTreeMap<i64, Outgoing>,
    looks: BTreeMap<String, Look>,
    epoch: i64,
    beat: i64,
    /// The lock of the outbox: who has it, and until when, if nobody is there to give it back.
    lock: Option<(u64, Option<Instant>)>,
    locks: u64,
    /// Each key's lock, which a transaction holds to its end.
    pub(super) keys: [Arc<AsyncMutex<()>>; KEYS],
    /// Counts its crashes: what was open is rolled back.
    pub(super) crashes: u64,
    pub(super) down: bool,
}

pub(super) struct Row {
    pub(super) event: Outgoing,
    pub(super) published: Option<(String, i64)>,
}

impl Tables {
    pub(super) fn crash(&mut self) {
        self.crashes += 1;
        self.open.clear();
        self.lock = None;
        self.down = true;
    }

    pub(super) fn recover(&mut self) {
        self.down = false;
    }

    /// Takes the lock of the outbox from who has it, as when their connection breaks.
    pub(super) fn break_lock(&mut self) {
        self.lock = None;
    }

    /// Whether everything is noted as published.
    pub(super) fn is_done(&self) -> bool {
        self.open.is_empty() && self.rows.values().all(|row| row.published.is_some())
    }

    pub(super) fn has_look(&self, stream: &str, created_ns: i64) -> bool {
        self.looks.get(stream).is_some_and(|look| look.created_ns == created_ns)
    }

    pub(super) fn is_marked(&self, seq: i64) -> bool {
        self.rows.get(&seq).is_some_and(|row| row.published.is_some())
    }
}

impl Process {
    /// Carries a statement out, or not, and says so, or not.
    async fn statement<R>(&self, name: &str, work: impl FnOnce(&mut Tables) -> R + Send) -> Result<R> {
        self.awake().await;
        self.lag().await;
        let (sim, rates) = (&self.world.sim, self.world.rates());
        if self.world.tables().down || sim.chance(rates.fails) {
            Process::note(self, || format!("cannot {name}"));
            sim.pause(0..=200).await;
            return Err(unavailable("the database is away"));
        }
        let in_doubt = sim.chance(rates.in_doubt);
        let result = work(&mut self.world.tables());
        self.lag().await;
        if in_doubt {
            Process::note(self, || format!("does not hear whether it could {name}"));
            sim.pause(0..=3_000).await;
            return Err(Error::Timeout { what: "a statement" });
        }
        Ok(result)
    }
}

/// The lock of the outbox, given back when its connection ends.
pub(super) struct Lock {
    process: Process,
    token: u64,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let lingers = self.process.state().lingers;
        let mut tables = self.process.world.tables();
        if tables.lock.is_some_and(|(token, _)| token == self.token) {
            tables.lock = lingers.then(|| (self.token, Some(Instant::now() + Duration::from_secs(20))));
        }
    }
}

impl Seat for Process {
    type Lock = Lock;

    fn is_server(&self) -> bool {
        true
    }

    async fn lock(&self) -> Option<Lock> {
        self.awake().await;
        self.lag().await;
        let mut tables = self.world.tables();
        let is_free = tables.lock.is_none_or(|(_, until)| until.is_some_and(|until| Instant::now() >= until));
        if tables.down || !is_free {
            return None;
        }
        tables.locks += 1;
        let token = tables.locks;
        tables.lock = Some((token, None));
        Some(Lock { process: self.clone(), token })
    }

    async fn is_held(&self, lock: &mut Lock) -> bool {
        let holds = |tables: &mut Tables| tables.lock.is_some_and(|(token, _)| token == lock.token);
        matches!(self.statement("look after its lock", holds).await, Ok(true)) || self.world.has(Bug::TrustsItself)
    }

    async fn unlock(&self, lock: Lock) {
        drop(lock);
    }

    async fn take_lease(&self) -> Result<i64> {
        let begun = Instant::now();
        let take = |tables: &mut Tables| {
            tables.epoch += 1;
            tables.beat = 0;
            tables.epoch
        };
        let epoch = self.statement("take the lease", take).await?;
        self.state().trusted = Some(begun + TRUST);
        Process::note(self, || format!("leads as number {epoch}"));
        Ok(epoch)
    }

    async fn take_lease_from(&self, seen: Beat) -> Result<Option<i64>> {
        let begun = Instant::now();
        let take = |tables: &mut Tables| {
            if (tables.epoch, tables.beat) != (seen.epoch, seen.beat) {
                return None;
            }
            tables.epoch += 1;
            tables.beat = 0;
            Some(tables.epoch)
        };
        let epoch = self.statement("take the lease from who is silent", take).await?;
        if let Some(epoch) = epoch {
            self.state().trusted = Some(begun + TRUST);
            Process::note(self, || format!("leads as number {epoch}, in the place of one that is silent"));
        }
        Ok(epoch)
    }

    async fn beat(&self) -> Result<Beat> {
        self.statement("look at the lease", |tables| Beat { epoch: tables.epoch, beat: tables.beat }).await
    }

    async fn renew_lease(&self, epoch: i64) -> Result<bool> {
        let begun = Instant::now();
        let renew = |tables: &mut Tables| {
            let is_its = tables.epoch == epoch;
            tables.beat += i64::from(is_its);
            is_its
        };
        let renewed = self.statement("renew its lease", renew).await;
        if self.world.has(Bug::TrustsItself) {
            return Ok(true);
        }
        if let Ok(true) = renewed {
            self.state().trusted = Some(begun + TRUST);
        }
        renewed
    }
}

impl Store for Process {
    async fn unpublished(&self, after: i64, and: &[i64], room: Room) -> Result<Vec<Pending>> {
        let world = &self.world;
        let skips_gaps = world.has(Bug::SkipsGaps);
        let highest = if skips_gaps || world.has(Bug::NeverLooksBack) { self.state().highest } else { 0 };
        let limit = if world.has(Bug::ReadsEverything) { usize::MAX } else { room.events };
        let read = |tables: &mut Tables| {
            let wanted = |seq: i64| {
                let is_new = seq > after && (seq > highest || after > 0);
                (is_new || and.contains(&seq)) && (!skips_gaps || seq > highest || after == i64::MAX)
            };
            let mut rows: Vec<Pending> = Vec::new();
            for (seq, row) in &tables.rows {
                if row.published.is_none() && wanted(*seq) {
                    rows.push(Pending { seq: *seq, event: row.event.clone() });
                }
            }
            if world.has(Bug::ReadsUncommitted) {
                let open = tables.open.iter().filter(|(seq, _)| wanted(**seq));
                rows.extend(open.map(|(seq, event)| Pending { seq: *seq, event: event.clone() }));
            }
            rows.sort_by_key(|row| row.seq);
            rows.truncate(limit);
            rows
        };
        let mut rows = self.statement("read the outbox", read).await?;
        if let Some(last) = rows.last() {
            let mut state = self.state();
            state.highest = state.highest.max(last.seq);
        }
        if !rows.is_empty() {
            Process::note(self, || format!("reads {:?}", rows.iter().map(|row| row.seq).collect::<Vec<_>>()));
        }
        if world.has(Bug::Overtakes) {
            rows.iter_mut().for_each(|row| row.event.key = None);
        }
        Ok(rows)
    }

    async fn latest(&self, limit: i64) -> Result<Vec<i64>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let read = |tables: &mut Tables| tables.rows.keys().rev().take(limit).copied().collect();
        self.statement("read the last positions", read).await
    }

    async fn mark(&self, published: &[Published], epoch: Option<i64>) -> Result<u64> {
        let mark = |tables: &mut Tables| {
            if epoch.is_some_and(|epoch| epoch != tables.epoch) {
                return 0;
            }
            let mut marked = 0;
            for done in published {
                if let Some(row) = tables.rows.get_mut(&done.seq).filter(|row| row.published.is_none()) {
                    row.published = Some((done.stream.clone(), done.stream_seq));
                    marked += 1;
                }
            }
            marked
        };
        let marked = self.statement("mark", mark).await?;
        Process::note(self, || {
            let places: Vec<_> = published.iter().map(|done| (done.seq, done.stream_seq)).collect();
            format!("marks {marked} of {places:?}")
        });
        Ok(marked)
    }

    async fn prune(&self, _age: Duration) -> Result<u64> {
        Ok(0)
    }

    async fn streams(&self) -> Result<Vec<String>> {
        if self.world.has(Bug::NoLedger) {
            return Ok(Vec::new());
        }
        let read = |tables: &mut Tables| {
            let places = tables.rows.values().filter_map(|row| row.published.as_ref());
            let mut streams: Vec<String> =
                places.filter(|(_, seq)| *seq > 0).map(|(stream, _)| stream.clone()).collect();
            streams.sort();
            streams.dedup();
            streams
        };
        self.statement("read the streams", read).await
    }

    async fn last_between(&self, stream: &str, above: i64, most: i64) -> Result<Option<Entry>> {
        let read = |tables: &mut Tables| {
            let places = places(tables, stream).filter(|entry| entry.sequence > above && entry.sequence <= most);
            places.max_by_key(|entry| entry.sequence)
        };
        self.statement("read the ledger", read).await
    }

    async fn has_doubles(&self, stream: &str) -> Result<bool> {
        let read = |tables: &mut Tables| {
            let mut sequences: Vec<i64> = places(tables, stream).map(|entry| entry.sequence).collect();
            sequences.sort_unstable();
            sequences.windows(2).any(|pair| pair[0] == pair[1])
        };
        self.statement("read the ledger", read).await
    }

    async fn look(&self, stream: &str) -> Result<Option<Look>> {
        self.statement("read the last look", |tables| tables.looks.get(stream).copied()).await
    }

    async fn note(&self, stream: &str, look: &Look) -> Result<()> {
        let note = |tables: &mut Tables| tables.looks.insert(stream.to_owned(), *look);
        self.statement("note a look", note).await?;
        Process::note(self, || format!("notes of {stream}: {look:?}"));
        Ok(())
    }

    async fn forget(&self, stream: &str) -> Result<()> {
        self.statement("forget a look", |tables| tables.looks.remove(stream)).await.map(|_| ())
    }

    async fn unpublish_above(&self, stream: &str, above: i64, limit: i64) -> Result<u64> {
        let unpublish = |tables: &mut Tables| {
            let mut found: Vec<(i64, i64)> = tables
                .rows
                .iter()
                .filter_map(|(seq, row)| {
                    row.published
                        .as_ref()
                        .filter(|(name, place)| name == stream && *place > 0 && *place > above)
                        .map(|(_, place)| (*place, *seq))
                })
                .collect();
            found.sort_unstable();
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            for (_, seq) in &found {
                if let Some(row) = tables.rows.get_mut(seq) {
                    row.published = None;
                }
            }
            found
        };
        let found = self.statement("make events unpublished", unpublish).await?;
        Process::note(self, || format!("makes {found:?} above {above} in {stream} unpublished"));
        Ok(found.len() as u64)
    }

    fn take_scheduled(&self) -> bool {
        false
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>> {
        Ok(None)
    }

    async fn release_due(&self, _now: DateTime<Utc>, _limit: i64) -> Result<usize> {
        Ok(0)
    }

    async fn nudged(&self) {
        Process::nudged(self).await;
    }

    async fn nudge_token(&self) -> Result<String> {
        Ok("token".into())
    }

    async fn metrics(&self, _counters: &Counters) -> Result<Metrics> {
        Err(unavailable("nobody looks at it"))
    }

    async fn sweep(&self, _kept: &Retention) {
        std::future::pending().await
    }
}

fn places<'a>(tables: &'a Tables, stream: &'a str) -> impl Iterator<Item = Entry> + 'a {
    tables.rows.values().filter_map(move |row| {
        let (name, sequence) = row.published.as_ref()?;
        (name == stream && *sequence > 0).then_some(Entry { event_id: row.event.id, sequence: *sequence })
    })
}
