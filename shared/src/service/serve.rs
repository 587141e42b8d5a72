//! From requests to responders: so many at once, the others wait, too many are told so.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::dispatch::Stopping;
use super::extract::{Call, Parts, States};
use super::respond::Responder;
use crate::bus::{Answer, Bus, Failure, Request, Requests};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::event::{Incoming, is_binary, parse};
use crate::time::Clock;

/// How many requests may wait for each that is answered.
const WAITING: usize = 8;

/// Everything one responder needs to answer.
pub(crate) struct Endpoint {
    pub(crate) responder: Responder,
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) states: Arc<States>,
    pub(crate) clock: Option<Clock>,
}

/// A request and when its asker goes away.
struct Waiting {
    request: Request,
    until: Instant,
}

/// Answers until stopped; then what has come, as long as the grace lasts. Returns how many requests were left unanswered.
pub(crate) async fn run(endpoint: Arc<Endpoint>, mut requests: Requests, stopping: Stopping) -> usize {
    let spec = endpoint.responder.spec;
    let (concurrency, most) = (spec.concurrency.max(1), spec.concurrency.max(1) * WAITING);
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let mut running = JoinSet::new();
    let mut open = true;
    let mut deadline: Option<Instant> = None;
    loop {
        while running.len() < concurrency
            && let Some(next) = waiting.pop_front()
        {
            let endpoint = Arc::clone(&endpoint);
            running.spawn(async move { endpoint.respond(next).await });
        }
        if !open && running.is_empty() && waiting.is_empty() {
            return 0;
        }
        tokio::select! {
            biased;
            () = stopping.stop.cancelled(), if deadline.is_none() => {
                deadline = Some(Instant::now() + stopping.grace);
                requests.stop().await;
            }
            () = until(deadline) => break,
            // a panic of the library or an abort: the asker runs into its timeout
            Some(_ended) = running.join_next(), if !running.is_empty() => {}
            request = requests.next(), if open => match request {
                Some(request) if waiting.len() < most => {
                    let patience = request.timeout().map_or(spec.timeout, |timeout| timeout.min(spec.timeout));
                    waiting.push_back(Waiting { request, until: Instant::now() + patience });
                }
                Some(request) => request.answer(Err(Failure::of(&BUSY))).await,
                None => open = false,
            },
        }
    }
    let left = running.len() + waiting.len();
    for Waiting { request, .. } in waiting {
        request.answer(Err(Failure::of(&closing()))).await;
    }
    // a responder's transaction rolls back when its future is dropped
    running.shutdown().await;
    tracing::warn!(subject = spec.subject, left, "requests were cancelled at the shutdown deadline");
    left
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

const BUSY: Error = Error::Busy { what: "the responder" };

fn closing() -> Error {
    Error::Unavailable { what: "the responder is shutting down".into(), source: None }
}

impl Endpoint {
    async fn respond(&self, Waiting { request, until }: Waiting) {
        let spec = &self.responder.spec;
        // whoever asked has stopped waiting
        if until <= Instant::now() {
            tracing::debug!(subject = spec.subject, "a request was too old when its turn came");
            return;
        }
        let (mut incoming, envelope) = parse(&request.message);
        // a message without a CloudEvent's headers is the question itself
        let envelope = if is_binary(&request.message) { envelope } else { Ok(()) };
        incoming.data = request.message.payload.clone();
        let span = tracing::info_span!(
            "respond",
            subject = spec.subject,
            request_id = %incoming.metadata.event_id,
            correlation_id = %incoming.metadata.correlation_id,
        );
        let mut context = incoming.metadata.context().until(until);
        if let Some(clock) = &self.clock {
            context = context.with_clock(clock.clone());
        }
        let work = async {
            let answer = match envelope {
                Ok(()) => self.guarded(&incoming, until).await,
                Err(error) => Err(error.into()),
            };
            let answer: Answer = answer.map_err(|error| {
                if error.http_status() >= 500 {
                    tracing::error!(error = error.report(), "a request could not be answered");
                } else {
                    tracing::debug!(error = error.report(), "a request was refused");
                }
                Failure::of(&error)
            });
            request.answer(answer).await;
        };
        context.scope(work).instrument(span).await;
    }

    /// Runs the responder with its deadline; a panic counts as an error.
    async fn guarded(&self, incoming: &Incoming, until: Instant) -> Result<Bytes> {
        let work = AssertUnwindSafe(self.answer(incoming)).catch_unwind();
        let answer = match tokio::time::timeout_at(until, work).await {
            Err(_) => Err(Error::Timeout { what: "the responder" }),
            Ok(Ok(answer)) => answer,
            // the panic's message may contain anything, so it is not repeated
            Ok(Err(_panic)) => Err(Error::other("the responder panicked; see the panic message on standard error")),
        }?;
        if answer.len() > self.db.max_payload() {
            return Err(Error::Usage("the reply is larger than `MAX_PAYLOAD`; answer with a page of it".into()));
        }
        Ok(answer)
    }

    async fn answer(&self, incoming: &Incoming) -> Result<Bytes> {
        let question = self.responder.handler.prepare(&incoming.data)?;
        let parts = Parts {
            db: &self.db,
            bus: &self.bus,
            metadata: &incoming.metadata,
            pattern: self.responder.spec.subject,
            states: &self.states,
        };
        if !self.responder.spec.transactional {
            return question.answer(Call { tx: None, parts }).await;
        }
        let mut tx = Tx::begin(&self.db).await?;
        let answer = question.answer(Call { tx: Some(&mut tx), parts }).await?;
        tx.commit().await?;
        Ok(answer)
    }
}
