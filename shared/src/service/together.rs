//! Many messages of a subscription in one transaction: one note in the inbox for all, one flush of the outbox, one commit.
//!
//! Whatever is not plain (cannot be decoded, is known already, has failed) is left to be handled alone, where it is
//! counted, retried and parked. So one bad message costs its neighbours a second run and nothing else.

use std::collections::HashSet;

use tracing::{Instrument as _, Span};

use super::handle::{Subscription, Verdict};
use super::store::{Store, Transaction as _};
use super::subscriber::Prepared;
use crate::context::Context;
use crate::db::fence::Fence;
use crate::error::Result;
use crate::event::{Delivered, Metadata};

/// A message that may be handled with others.
pub(crate) struct Member {
    pub(crate) message: Delivered,
    pub(crate) attempt: u32,
    /// Which lane it is from. Those of one lane come in their order.
    pub(crate) lane: usize,
}

/// What became of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// It is to be handled alone.
    Alone,
    /// It may be tried again with others, with fewer than this time.
    Again,
}

/// A message that is ready for its handler.
struct Ready {
    index: usize,
    metadata: Metadata,
    context: Context,
    span: Span,
    prepared: Box<dyn Prepared>,
}

impl<S: Store> Subscription<S> {
    /// Handles messages one after another, as if each were alone; says of each what is to become of it. Those behind one
    /// of their lane that is to be tried again are not tried, and none is once something is away.
    ///
    /// For messages of which nothing is noted: a task for each would take longer than they do.
    pub(crate) async fn handle_one_by_one(&self, members: &[Member], fence: Option<&Fence>) -> Vec<Option<Verdict>> {
        let mut verdicts = Vec::with_capacity(members.len());
        let mut closed = HashSet::new();
        for Member { message, attempt, lane } in members {
            if closed.contains(lane) || self.breaker.outage().is_some() {
                verdicts.push(None);
                continue;
            }
            let verdict = self.handle(message, *attempt, None, fence).await;
            if matches!(verdict, Verdict::Again { .. }) {
                closed.insert(*lane);
            }
            verdicts.push(Some(verdict));
            // others want to go on, too
            tokio::task::coop::consume_budget().await;
        }
        verdicts
    }

    /// Handles messages together; says of each what became of it.
    pub(crate) async fn handle_together(&self, members: &[Member], fence: Option<&Fence>) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Alone; members.len()];
        let ready = self.ready(members).await;
        let indexes: Vec<usize> = ready.iter().map(|ready| ready.index).collect();
        match self.in_one_transaction(ready, fence).await {
            Ok(handled) => {
                self.breaker.succeeded();
                self.pace.succeeded(handled.len());
                for index in handled {
                    outcomes[index] = Outcome::Done;
                }
            }
            Err(error) => {
                let messages = indexes.len();
                tracing::debug!(error = error.report(), messages, "not handled together; trying with fewer");
                if self.subscriber.spec.batch.is_some() && messages > 1 {
                    self.pace.failed(messages.div_ceil(2));
                    for index in indexes {
                        outcomes[index] = Outcome::Again;
                    }
                } else {
                    self.pace.failed(1);
                }
            }
        }
        outcomes
    }

    /// The messages that can be handled together. Of a lane nothing is, from the first on that cannot be; of an event that
    /// is there twice, the first one.
    async fn ready(&self, members: &[Member]) -> Vec<Ready> {
        let (mut ready, mut closed, mut known) = (Vec::with_capacity(members.len()), HashSet::new(), HashSet::new());
        for (index, Member { message, attempt, lane }) in members.iter().enumerate() {
            if closed.contains(lane) {
                continue;
            }
            let (incoming, envelope) = self.parse(message, *attempt);
            let (context, span) = (self.context(&incoming.metadata), self.span(&incoming.metadata));
            let prepare = async { self.subscriber.handler.prepare(&incoming) };
            let prepared = match envelope {
                Ok(()) if known.insert(incoming.metadata.identity().into_owned()) => {
                    context.clone().scope(prepare).instrument(span.clone()).await.ok()
                }
                _ => None,
            };
            match prepared {
                Some(prepared) => ready.push(Ready { index, metadata: incoming.metadata, context, span, prepared }),
                None => {
                    closed.insert(*lane);
                }
            }
        }
        ready
    }

    /// Returns which were handled; the others are known already.
    async fn in_one_transaction(&self, mut ready: Vec<Ready>, fence: Option<&Fence>) -> Result<Vec<usize>> {
        if ready.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin(fence).await?;
        let worked = async {
            let events: Vec<&Metadata> = ready.iter().map(|ready| &ready.metadata).collect();
            let new = tx.note_all(&self.durable, events).await?;
            ready.retain(|ready| new.contains(&*ready.metadata.identity()));
            let handled: Vec<usize> = ready.iter().map(|ready| ready.index).collect();
            if self.subscriber.spec.batch.is_some() {
                self.all_at_once(&mut tx, ready).await?;
            } else {
                self.one_after_another(&mut tx, ready).await?;
            }
            Ok(handled)
        };
        match worked.await {
            Ok(handled) => tx.commit().await.map(|()| handled),
            Err(error) => {
                // before any of them is handled alone: that would wait for the end of this one
                let _ended_with_its_connection = tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn one_after_another(&self, tx: &mut S::Tx, ready: Vec<Ready>) -> Result<()> {
        for Ready { metadata, context, span, prepared, .. } in ready {
            tx.enter(context.clone());
            let work = async {
                let drafts = self.guarded(prepared, Some(&mut *tx), &metadata).await?;
                drafts.into_iter().try_for_each(|draft| tx.publish(draft))
            };
            context.scope(work).instrument(span).await?;
        }
        Ok(())
    }

    /// The handler takes all of them in one call.
    async fn all_at_once(&self, tx: &mut S::Tx, ready: Vec<Ready>) -> Result<()> {
        let Some(first) = ready.first() else { return Ok(()) };
        let (metadata, events) = (first.metadata.clone(), ready.len());
        let context = self.context_of_all(ready.iter().map(|ready| &ready.metadata));
        let span = tracing::info_span!("handle", subscription = %self.durable, events);
        let prepared = ready.into_iter().map(|ready| ready.prepared).collect();
        let joined = self.subscriber.handler.join(prepared)?;
        tx.enter(context.clone());
        let work = async {
            let drafts = self.guarded(joined, Some(&mut *tx), &metadata).await?;
            drafts.into_iter().try_for_each(|draft| tx.publish(draft))
        };
        context.scope(work).instrument(span).await
    }
}
