//! The keeper of a process's claims on Postgres.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::table::ClaimTable;
use super::{Held, Post, TICK, Tenure};
use crate::db::Db;
use crate::db::claim::{Claims, Seen};
use crate::db::fence::Fence;
use crate::error::{Error, Result};

/// How long a tenure lasts after the last beat that was counted.
const VALID: Duration = Duration::from_secs(6);

/// How long a beat must stand still before somebody else takes over. Longer, so that two never have a tenure at once.
const STILL: Duration = Duration::from_secs(9);

/// How long, when its holder's connection is gone.
const DISCONNECTED: Duration = Duration::from_secs(2);

/// How long a tenure lasts that could not be prolonged because the connection is gone. Shorter than that.
const CUT: Duration = Duration::from_secs(1);

/// How long transactions of the holder before have to end by themselves.
const GRACE: Duration = Duration::from_secs(1);

/// How long the rows of processes that are gone are kept.
const GONE: Duration = Duration::from_secs(600);

pub(crate) struct Keeper<C = Claims> {
    claims: C,
    holder: Uuid,
    posts: Vec<Arc<Post>>,
    /// When a claim was first seen like this.
    seen: BTreeMap<String, (Seen, Instant)>,
    /// What was taken over, and waits for the end of the transactions of the holder before.
    clearing: HashMap<Arc<str>, (Fence, Instant)>,
    /// Whether the last round failed.
    failed: bool,
}

impl Keeper {
    pub(super) fn new(db: Db, posts: Vec<Arc<Post>>) -> Self {
        let holder = crate::id::new();
        Self::of(Claims::new(db, holder), holder, posts)
    }
}

impl<C: ClaimTable> Keeper<C> {
    /// With the table as the holder has it.
    pub(crate) fn of(claims: C, holder: Uuid, posts: Vec<Arc<Post>>) -> Self {
        Self { claims, holder, posts, seen: BTreeMap::new(), clearing: HashMap::new(), failed: false }
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = tick.tick() => {}
            }
            let round = self.round().await;
            if let Err(error) = &round {
                if !self.failed {
                    let error = error.report();
                    tracing::warn!(error, "claims cannot be renewed; ordered subscriptions pause until they can");
                }
                if !matches!(error, Error::Timeout { .. }) {
                    self.shorten();
                }
            }
            self.failed = round.is_err();
        }
        self.release().await;
    }

    /// Renews what this process has, and takes what nobody has.
    async fn round(&mut self) -> Result<()> {
        // before the beat is counted: whoever sees it standing still sees it later
        let until = Some(Instant::now() + VALID);
        let held = self.claims.renew().await?;
        for post in self.posts.clone() {
            let fence = held.get(&*post.name).copied();
            let tenure = post.tenure.borrow().clone();
            let prolonged = |held: Held| Held { until, ..held };
            match tenure {
                Tenure::Held(held) if held.is(fence) => set(&post, Tenure::Held(prolonged(held))),
                Tenure::Asked(held) if held.is(fence) => set(&post, Tenure::Asked(prolonged(held))),
                Tenure::Done(held) => {
                    if held.is(fence) {
                        self.claims.release(&post.name).await?;
                    }
                    set(&post, Tenure::None);
                }
                Tenure::Held(_) | Tenure::Asked(_) => {
                    tracing::warn!(claim = %post.name, "another process has taken over");
                    set(&post, Tenure::None);
                }
                // taken, and the answer was lost, or what was open then is not over yet
                Tenure::None => match fence {
                    Some(number) => {
                        let fence = Fence { claim: Arc::clone(&post.name), number };
                        self.clearing.entry(Arc::clone(&post.name)).or_insert((fence, Instant::now())).0.number =
                            number;
                    }
                    None => {
                        self.clearing.remove(&post.name);
                    }
                },
            }
        }
        self.look().await?;
        self.take().await?;
        self.clear(until).await
    }

    /// Notes how the claims are and how long they have been so.
    async fn look(&mut self) -> Result<()> {
        let now = Instant::now();
        let rows = self.claims.look().await?;
        self.seen.retain(|name, _| rows.contains_key(name));
        for (name, row) in rows {
            match self.seen.get_mut(&name) {
                Some((seen, _)) if *seen == row => {}
                Some(known) => *known = (row, now),
                None => {
                    self.seen.insert(name, (row, now));
                }
            }
        }
        Ok(())
    }

    async fn take(&mut self) -> Result<()> {
        let shares = self.shares().await?;
        let mut has: HashMap<&str, u32> = HashMap::new();
        for post in &self.posts {
            let works = matches!(*post.tenure.borrow(), Tenure::Held(_)) || self.clearing.contains_key(&post.name);
            if let Some((group, _)) = &post.group {
                *has.entry(group).or_default() += u32::from(works);
            }
        }
        for post in &self.posts {
            let is_free = *post.tenure.borrow() == Tenure::None && !self.clearing.contains_key(&post.name);
            let mut counted = post.group.as_ref().and_then(|(group, _)| has.get_mut(&**group));
            if let (Some((group, _)), Some(has)) = (&post.group, &mut counted) {
                let share = shares.get(group).copied().unwrap_or(u32::MAX);
                if **has > share && post.ask() {
                    **has -= 1;
                }
                if **has >= share {
                    continue;
                }
            }
            let seen = self.seen.get(&*post.name);
            if !is_free || seen.is_some_and(|(seen, since)| seen.is_alive(*since)) {
                continue;
            }
            if let Some(fence) = self.claims.take(&post.name, seen.map(|(seen, _)| seen)).await? {
                self.clearing.insert(Arc::clone(&post.name), (fence, Instant::now()));
                if let Some(has) = counted {
                    *has += 1;
                }
            }
        }
        Ok(())
    }

    /// How many parts of each parted subscription this process may have: the processes that run it share them out. Each
    /// is known by a row of its own, whose beat is counted with the others.
    async fn shares(&mut self) -> Result<HashMap<String, u32>> {
        let mut shares = HashMap::new();
        for post in &self.posts {
            let Some((group, part)) = &post.group else { continue };
            if shares.contains_key(group) {
                continue;
            }
            let (prefix, own) = (format!("{group}/"), format!("{group}/{}", self.holder));
            if !self.seen.contains_key(&own) {
                self.claims.take(&own, None).await?;
            }
            let mut others = 0;
            let processes = self.seen.iter().filter(|(name, _)| name.starts_with(&prefix) && **name != own);
            for (name, (seen, since)) in processes {
                if seen.is_alive(*since) {
                    others += 1;
                } else if !seen.held || since.elapsed() > GONE {
                    self.claims.forget(name, seen).await?;
                }
            }
            shares.insert(group.clone(), part.of.div_ceil(others + 1));
        }
        Ok(shares)
    }

    /// Lets the tenures begin of what was taken over, once nothing of the holder before is open.
    async fn clear(&mut self, until: Option<Instant>) -> Result<()> {
        for post in &self.posts {
            let Some((fence, since)) = self.clearing.get(&post.name) else { continue };
            if self.claims.open(&post.name).await? > 0 {
                if since.elapsed() > GRACE {
                    tracing::warn!(claim = %post.name, "ending transactions of the process that had it before");
                    self.claims.end_open(&post.name).await?;
                }
                continue;
            }
            let (fence, _) = (fence.clone(), self.clearing.remove(&post.name));
            tracing::info!(claim = %post.name, fence = fence.number, "active");
            set(post, Tenure::Held(Held { fence: Some(fence), until }));
        }
        Ok(())
    }

    /// Others take over sooner from one whose connection is gone.
    fn shorten(&self) {
        let soon = Instant::now() + CUT;
        for post in &self.posts {
            post.tenure.send_if_modified(|tenure| match tenure {
                Tenure::Held(held) | Tenure::Asked(held) if held.until.is_none_or(|until| until > soon) => {
                    held.until = Some(soon);
                    true
                }
                _ => false,
            });
        }
    }

    /// Lets go of everything, so that the others need not wait.
    async fn release(mut self) {
        let groups = self.posts.iter().filter_map(|post| post.group.as_ref());
        let own: Vec<String> = groups.map(|(group, _)| format!("{group}/{}", self.holder)).collect();
        let names: Vec<Arc<str>> = self.posts.iter().map(|post| Arc::clone(&post.name)).collect();
        for post in &self.posts {
            set(post, Tenure::None);
        }
        for name in names.iter().map(|name| &**name).chain(own.iter().map(String::as_str)) {
            if self.claims.release(name).await.is_err() {
                // they are taken over when their beats stand still
                break;
            }
        }
        self.claims.close().await;
    }
}

impl Seen {
    /// Whether its holder is to be reckoned with, if it has been seen like this since then.
    fn is_alive(&self, since: Instant) -> bool {
        self.held && since.elapsed() <= if self.connected { STILL } else { DISCONNECTED }
    }
}

impl Post {
    /// Asks it to end its work, if it works.
    fn ask(&self) -> bool {
        self.tenure.send_if_modified(|tenure| match tenure {
            Tenure::Held(held) => {
                *tenure = Tenure::Asked(held.clone());
                true
            }
            _ => false,
        })
    }
}

impl Held {
    fn is(&self, fence: Option<i64>) -> bool {
        self.fence.as_ref().map(|fence| fence.number) == fence && fence.is_some()
    }
}

fn set(post: &Post, tenure: Tenure) {
    post.tenure.send_replace(tenure);
}
