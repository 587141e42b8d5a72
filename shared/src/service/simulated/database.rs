//! A database as a subscription sees it: rows that are unique, transactions that hold them, a connection that breaks.

mod transaction;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

pub(super) use self::transaction::ModelTx;
use super::bugs::{Bug, planted};
use super::handler::Scripted;
use super::process::Process;
use super::world::{Committed, World};
use crate::context::Context;
use crate::db::Engine;
use crate::db::failure::classify;
use crate::db::fence::Fence;
use crate::db::inbox::Repeated;
use crate::error::{DatabaseError, Error, Result};
use crate::event::{Delivered, Draft, Metadata};
use crate::service::store::{Around, Store};
use crate::service::subscriber::{BoxFuture, Prepared};
use crate::simulation::Promise;

/// How long a client waits for an answer.
const LIMIT: Duration = Duration::from_secs(5);

/// How long a transaction waits for another one's row.
const LOCK: Duration = Duration::from_secs(10);

pub(super) struct Database {
    pub(super) world: Arc<World>,
    state: Mutex<Tables>,
    /// A transaction has ended.
    ended: Notify,
}

#[derive(Default)]
pub(super) struct Tables {
    inbox: BTreeSet<String>,
    letters: BTreeMap<u128, Letter>,
    open: BTreeMap<u64, Open>,
    begun: u64,
    pub(super) claims: BTreeMap<String, Claim>,
    /// The connections by which claims are held, with their processes.
    pub(super) backends: BTreeMap<u64, usize>,
    pub(super) down: bool,
    hung: Option<Instant>,
}

/// A dead letter.
struct Letter {
    inbox_id: String,
    message: Delivered,
    replayed: bool,
}

/// A row of the table of claims.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim {
    pub(super) holder: Option<Uuid>,
    pub(super) backend: u64,
    pub(super) fence: i64,
    pub(super) beat: i64,
    /// The last of its numbers under which it was found that nobody else works any more.
    pub(super) active: i64,
}

/// An open transaction.
#[derive(Default)]
struct Open {
    process: usize,
    /// The claim whose shared lock it has, and its number there.
    fence: Option<Fence>,
    notes: Vec<String>,
    /// What it parks: under which id, whether for good, and the message.
    letters: Vec<(String, bool, Delivered)>,
    /// The letter that it replays.
    takes: Option<u128>,
    effects: Vec<usize>,
    drafts: Vec<usize>,
    /// A statement has failed.
    broken: bool,
    /// The commit is on its way.
    committing: bool,
    /// It has arrived, and nobody waits for what becomes of it.
    late: bool,
}

impl Open {
    fn is_under(&self, claim: &str) -> bool {
        self.fence.as_ref().is_some_and(|fence| &*fence.claim == claim)
    }
}

/// The number of the event that an id of the inbox is of.
fn event_of(id: &str) -> Option<usize> {
    id.parse().ok()
}

pub(super) fn disconnected() -> Error {
    classify(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()), Engine::Postgres, None)
}

fn refused(code: &str) -> Error {
    Error::Database(DatabaseError { engine: "postgres", code: Some(code.to_owned()), what: "the statement".into() })
}

impl Tables {
    /// Counts a letter as replayed; returns its event.
    fn replay(&mut self, letter: u128) -> Option<usize> {
        let letter = self.letters.get_mut(&letter)?;
        letter.replayed = true;
        event_of(&letter.inbox_id)
    }
}

impl Database {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world, state: Mutex::default(), ended: Notify::new() }
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server dies, or is back.
    pub(super) fn set_down(&self, down: bool) {
        let mut tables = self.tables();
        tables.down = down;
        if down {
            tables.open.clear();
            tables.backends.clear();
        } else {
            self.world.allow_a_failure();
        }
        self.ended.notify_waiters();
    }

    /// The server answers nothing until then.
    pub(super) fn hang(&self, until: Instant) {
        self.tables().hung = Some(until);
        self.world.allow_a_failure();
    }

    /// A process has gone: what it had open ends. A commit that was on its way may have arrived.
    pub(super) fn disconnect(&self, process: usize) {
        let mut tables = self.tables();
        let theirs = tables.open.iter().filter(|(_, open)| open.process == process && !open.late);
        let theirs: Vec<(u64, bool)> = theirs.map(|(number, open)| (*number, open.committing)).collect();
        tables.backends.retain(|_, owner| *owner != process);
        drop(tables);
        for (number, committing) in theirs {
            if committing && self.world.sim.chance(50) {
                self.commit(number);
            } else {
                self.undo(number);
            }
        }
    }

    /// How many transactions a process has open.
    pub(super) fn open_of(&self, process: usize) -> usize {
        self.tables().open.values().filter(|open| open.process == process && !open.committing).count()
    }

    /// The letters that wait.
    pub(super) fn letters(&self) -> Vec<(Uuid, Delivered)> {
        let tables = self.tables();
        let waiting = tables.letters.iter().filter(|(_, letter)| !letter.replayed);
        waiting.map(|(number, letter)| (Uuid::from_u128(*number), letter.message.clone())).collect()
    }

    /// How many transactions have a claim's lock.
    pub(super) fn open_under(&self, claim: &str) -> usize {
        self.tables().open.values().filter(|open| open.is_under(claim)).count()
    }

    pub(super) fn end_under(&self, claim: &str) {
        self.tables().open.retain(|_, open| !open.is_under(claim));
        self.ended.notify_waiters();
    }

    /// A statement on its way to the server and back.
    pub(super) async fn trip(&self, process: &Process) -> Result<()> {
        process.pass().await;
        let sim = &self.world.sim;
        match sim.among(0..=19) {
            0..=14 => {}
            15..=18 => sim.pause(1..=4).await,
            _ => sim.pause(10..=80).await,
        }
        let hung = self.tables().hung;
        if let Some(until) = hung.filter(|until| *until > Instant::now()) {
            tokio::time::sleep_until(until.min(Instant::now() + LIMIT)).await;
            if until > Instant::now() {
                process.pass().await;
                return Err(Error::Timeout { what: "the database" });
            }
        }
        process.pass().await;
        if self.tables().down { Err(disconnected()) } else { Ok(()) }
    }

    /// A statement of a handler's work, which may fail for reasons of its own.
    async fn statement(&self, process: &Process, tx: Option<u64>, events: &[usize]) -> Result<()> {
        process.meets();
        let result = match self.trip(process).await {
            Ok(()) if self.world.sim.chance(self.world.plan.failing) => {
                events.iter().for_each(|event| self.world.failed(*event));
                Err(match self.world.sim.among(0..=10) {
                    0..=2 => disconnected(),
                    3..=6 => refused("40001"),
                    7 => refused("XX000"),
                    8 => Error::Busy { what: "the connection pool" },
                    // the disk is full
                    9 => refused("53100"),
                    _ => Error::Timeout { what: "the database" },
                })
            }
            result => result,
        };
        let Some(tx) = tx else { return result };
        let mut tables = self.tables();
        let Some(open) = tables.open.get_mut(&tx) else { return result.and(Err(disconnected())) };
        if result.is_err() {
            open.broken = true;
        } else if open.broken {
            return Err(refused("25P02"));
        }
        result
    }

    fn commit(&self, tx: u64) -> bool {
        let mut tables = self.tables();
        let Some(open) = tables.open.remove(&tx) else { return false };
        if open.broken || tables.down {
            return false;
        }
        if let Some(Fence { claim, number }) = &open.fence
            && tables.claims.get(&**claim).is_some_and(|claim| claim.active > *number)
        {
            let how = format!("process {} commits although it is another one's turn", open.process);
            self.world.sim.breaks(Promise::G4, how);
        }
        let committed = Committed {
            noted: open.notes.iter().filter_map(|id| event_of(id)).collect(),
            letters: open.letters.iter().filter_map(|(id, reason, _)| Some((event_of(id)?, *reason))).collect(),
            replayed: open.takes.and_then(|letter| tables.replay(letter)),
            effects: open.effects,
            drafts: open.drafts,
        };
        for (inbox_id, _, message) in open.letters {
            let number = tables.letters.len() as u128;
            tables.letters.insert(number, Letter { inbox_id, message, replayed: false });
        }
        tables.inbox.extend(open.notes);
        drop(tables);
        self.world.committed(&committed);
        self.ended.notify_waiters();
        true
    }

    fn undo(&self, tx: u64) {
        self.tables().open.remove(&tx);
        self.ended.notify_waiters();
    }
}

/// The database in the hands of a process.
#[derive(Clone)]
pub(super) struct ModelStore {
    pub(super) database: Arc<Database>,
    pub(super) process: Arc<Process>,
}

impl Store for ModelStore {
    type Tx = ModelTx;

    fn max_payload(&self) -> usize {
        1_000
    }

    fn has_one_writer(&self) -> bool {
        false
    }

    async fn begin(&self, fence: Option<&Fence>) -> Result<ModelTx> {
        let context = Context::current();
        let event = context.causation_id().and_then(|id| event_of(id.as_str()));
        if self.database.tables().down {
            self.database.world.refused();
        }
        self.database.statement(&self.process, None, event.as_slice()).await?;
        let (database, process) = (Arc::clone(&self.database), Arc::clone(&self.process));
        let tx = {
            let mut tables = database.tables();
            tables.begun += 1;
            let number = tables.begun;
            tables.open.insert(number, Open { process: process.id, fence: fence.cloned(), ..Open::default() });
            drop(tables);
            ModelTx { database, process, number, ended: AtomicBool::new(false) }
        };
        tx.judge_room();
        if let Some(fence) = fence {
            self.database.trip(&self.process).await?;
            let number = self.database.tables().claims.get(&*fence.claim).map(|claim| claim.fence);
            if number != Some(fence.number) && !planted(Bug::FenceUnchecked) {
                return Err(Fence::refused(refused("22012")));
            }
        }
        Ok(tx)
    }

    async fn contains(&self, _: &str, metadata: &Metadata) -> Result<bool> {
        let event = event_of(&metadata.event_id);
        self.database.statement(&self.process, None, event.as_slice()).await?;
        Ok(self.database.tables().inbox.contains(&*metadata.identity()))
    }

    async fn repeated(&self, _: &str, id: &str, _: &Metadata) -> Result<Repeated> {
        self.database.statement(&self.process, None, event_of(id).as_slice()).await?;
        Ok(if self.database.tables().inbox.contains(id) { Repeated::Same } else { Repeated::Gone })
    }

    async fn ping(&self) -> Result<()> {
        if planted(Bug::OutageCounts) {
            return Ok(());
        }
        self.database.trip(&self.process).await
    }

    fn call<'a>(
        &'a self,
        prepared: Box<dyn Prepared>,
        tx: Option<&'a mut ModelTx>,
        _: Around<'a>,
    ) -> BoxFuture<'a, Result<Vec<Draft>>> {
        let prepared: Box<dyn Any> = prepared;
        let scripted = prepared.downcast::<Scripted>().ok();
        Box::pin(async move {
            match scripted {
                Some(scripted) => scripted.work(self, tx.as_deref()).await,
                None => Err(Error::Usage("not a handler of the simulation".into())),
            }
        })
    }
}

/// What a handler publishes for an event.
pub(super) fn draft(event: usize) -> Draft {
    Draft {
        subject: "done.it".into(),
        event_type: "done.it".into(),
        version: 1,
        key: None,
        payload: Bytes::from(event.to_string()),
    }
}
