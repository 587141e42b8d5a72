//! A transaction: what it has written, until it ends in one of the many ways in which one can.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::bugs::{Bug, planted};
use super::super::process::Process;
use super::super::world::Committed;
use super::{Database, LOCK, Letter, Open, disconnected, event_of};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::event::{Delivered, Draft, Metadata};
use crate::service::store::Transaction;
use crate::simulation::Promise;

pub(crate) struct ModelTx {
    pub(super) database: Arc<Database>,
    pub(super) process: Arc<Process>,
    pub(super) number: u64,
    pub(super) ended: AtomicBool,
}

impl ModelTx {
    /// What a handler writes.
    pub(crate) async fn effect(&self, event: usize) -> Result<()> {
        self.database.statement(&self.process, Some(self.number), &[event]).await?;
        self.write(|open| open.effects.push(event))
    }

    fn write(&self, change: impl FnOnce(&mut Open)) -> Result<()> {
        let mut tables = self.database.tables();
        let open = tables.open.get_mut(&self.number).ok_or_else(disconnected)?;
        change(open);
        Ok(())
    }

    /// No more transactions than tasks, of which each has one; another one may be ending.
    pub(super) fn judge_room(&self) {
        let world = &self.database.world;
        let tasks = world.plan.concurrency * world.plan.parts() as usize + world.operators.load(Ordering::Relaxed);
        let open = self.database.open_of(self.process.id);
        if open > tasks {
            world.sim.breaks(Promise::G9, format!("{open} transactions are open for {tasks} tasks"));
        }
    }

    /// Notes an id, waiting for who has noted it and has not committed.
    async fn note_one(&self, id: &str) -> Result<bool> {
        let until = Instant::now() + LOCK;
        loop {
            let ended = self.database.ended.notified();
            {
                let mut tables = self.database.tables();
                if planted(Bug::NotedOutside) {
                    return Ok(tables.inbox.insert(id.to_owned()));
                }
                if !tables.open.contains_key(&self.number) {
                    return Err(disconnected());
                }
                let taken = tables.open.get(&self.number).and_then(|open| open.takes);
                let is_forgotten = taken.is_some_and(|it| tables.letters.get(&it).is_some_and(|it| it.inbox_id == id));
                if tables.inbox.contains(id) && !is_forgotten && !planted(Bug::InboxBlind) {
                    return Ok(false);
                }
                let waits = tables
                    .open
                    .iter()
                    .any(|(number, open)| *number != self.number && open.notes.iter().any(|other| other == id));
                if !waits || planted(Bug::InboxBlind) {
                    if let Some(open) = tables.open.get_mut(&self.number) {
                        open.notes.push(id.to_owned());
                    }
                    return Ok(true);
                }
            }
            if tokio::time::timeout_at(until, ended).await.is_err() {
                event_of(id).into_iter().for_each(|event| self.database.world.failed(event));
                self.write(|open| open.broken = true)?;
                return Err(Error::Timeout { what: "the database" });
            }
        }
    }
}

impl Transaction for ModelTx {
    async fn note(&self, _: &str, id: &str, _: &Metadata) -> Result<bool> {
        self.database.statement(&self.process, Some(self.number), event_of(id).as_slice()).await?;
        self.note_one(id).await
    }

    async fn note_all(&self, _: &str, events: Vec<&Metadata>) -> Result<HashSet<String>> {
        let ids: BTreeSet<String> = events.iter().map(|event| event.identity().into_owned()).collect();
        let numbers: Vec<usize> = ids.iter().filter_map(|id| event_of(id)).collect();
        self.database.statement(&self.process, Some(self.number), &numbers).await?;
        let mut new = HashSet::new();
        for id in ids {
            if self.note_one(&id).await? {
                new.insert(id);
            }
        }
        Ok(new)
    }

    async fn take_letter(&self, letter: Uuid, _: &str, metadata: &Metadata) -> Result<Option<String>> {
        let event = event_of(&metadata.event_id);
        self.database.statement(&self.process, Some(self.number), event.as_slice()).await?;
        let until = Instant::now() + LOCK;
        loop {
            let ended = self.database.ended.notified();
            {
                let mut tables = self.database.tables();
                let Some(Letter { inbox_id, replayed: false, .. }) = tables.letters.get(&letter.as_u128()) else {
                    return Ok(None);
                };
                let inbox_id = inbox_id.clone();
                let is_taken = tables.open.values().any(|open| open.takes == Some(letter.as_u128()));
                if planted(Bug::LetterTakenOutside) {
                    let replayed = tables.replay(letter.as_u128());
                    drop(tables);
                    self.database.world.committed(&Committed { replayed, ..Committed::default() });
                    return Ok(Some(inbox_id));
                }
                if !is_taken {
                    let open = tables.open.get_mut(&self.number).ok_or_else(disconnected)?;
                    open.takes = Some(letter.as_u128());
                    return Ok(Some(inbox_id));
                }
            }
            if tokio::time::timeout_at(until, ended).await.is_err() {
                event.into_iter().for_each(|event| self.database.world.failed(event));
                self.write(|open| open.broken = true)?;
                return Err(Error::Timeout { what: "the database" });
            }
        }
    }

    async fn park(&self, _: &str, id: &str, message: &Delivered, _: &Metadata, error: &Error) -> Result<()> {
        self.database.statement(&self.process, Some(self.number), event_of(id).as_slice()).await?;
        self.write(|open| {
            open.letters.push((id.to_owned(), error.is_permanent(), message.clone()));
            if planted(Bug::LetterWithoutNote) {
                open.notes.clear();
            }
        })
    }

    async fn count_reused_id(&self, _: &str) -> Result<()> {
        self.database.statement(&self.process, Some(self.number), &[]).await
    }

    fn publish(&self, draft: Draft) -> Result<()> {
        let event = std::str::from_utf8(&draft.payload).ok().and_then(event_of);
        self.write(|open| open.drafts.extend(event))
    }

    fn enter(&self, _: Context) {}

    async fn commit(self) -> Result<()> {
        let (world, number) = (&self.database.world, self.number);
        self.ended.store(true, Ordering::Relaxed);
        let events: Vec<usize> = match self.database.tables().open.get_mut(&number) {
            Some(open) => {
                // whoever waits for it may go away, the commit goes on
                open.committing = true;
                open.notes.iter().filter_map(|id| event_of(id)).collect()
            }
            None => return Err(disconnected()),
        };
        let (database, process) = (Arc::clone(&self.database), Arc::clone(&self.process));
        let doubtful = world.sim.chance(world.plan.doubtful);
        let committing = tokio::spawn(async move {
            process.meets();
            match database.trip(&process).await {
                Err(error) => {
                    database.undo(number);
                    Err(error)
                }
                Ok(()) if doubtful => {
                    events.iter().for_each(|event| database.world.failed(*event));
                    let fate = database.world.sim.among(0..=3);
                    database.tables().open.entry(number).and_modify(|open| open.late = true);
                    match fate {
                        0 => database.undo(number),
                        1 => _ = database.commit(number),
                        _ => {
                            let (database, late) = (Arc::clone(&database), database.world.sim.among(0..=2_500));
                            tokio::spawn(async move {
                                tokio::time::sleep(Duration::from_millis(late)).await;
                                if fate == 2 {
                                    database.commit(number);
                                } else {
                                    database.undo(number);
                                }
                            });
                        }
                    }
                    if planted(Bug::DoubtIsSuccess) {
                        return Ok(());
                    }
                    Err(if fate % 2 == 0 { Error::Timeout { what: "the commit" } } else { disconnected() })
                }
                Ok(()) => {
                    let committed = database.commit(number);
                    database.trip(&process).await?;
                    if committed { Ok(()) } else { Err(disconnected()) }
                }
            }
        });
        committing.await.unwrap_or_else(|_| Err(Error::Timeout { what: "the commit" }))
    }

    async fn rollback(self) -> Result<()> {
        self.database.trip(&self.process).await?;
        self.ended.store(true, Ordering::Relaxed);
        self.database.undo(self.number);
        Ok(())
    }
}

impl Drop for ModelTx {
    fn drop(&mut self) {
        // what a process that has died had open, the server ends when it notices
        if !self.ended.load(Ordering::Relaxed) && !self.process.is_dead() && !planted(Bug::TransactionLeaked) {
            self.database.undo(self.number);
        }
    }
}
