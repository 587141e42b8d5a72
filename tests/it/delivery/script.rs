//! What the handlers of a case do, and what they were seen doing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use shared::prelude::*;
use shared::service::BoxFuture;
use tests::eventually;
use tokio::sync::watch;

use crate::surroundings::SOON;

/// One call of a handler.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) subscriber: &'static str,
    pub(crate) topic: String,
    pub(crate) number: u32,
    pub(crate) meta: Metadata,
    /// What the clock of the handler showed.
    pub(crate) at: DateTime<Utc>,
}

type Act = dyn Fn(Call) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// Given to a service as state: decides what its handlers do, and notes their calls.
#[derive(Clone)]
pub(crate) struct Script(Arc<Inner>);

struct Inner {
    act: Box<Act>,
    begun: Mutex<Vec<Call>>,
    done: Mutex<Vec<Call>>,
}

impl Script {
    /// All handlers succeed.
    pub(crate) fn succeed() -> Self {
        Self::new(async |_| Ok(()))
    }

    /// The handlers do that, after they have written their row.
    pub(crate) fn new<A, F>(act: A) -> Self
    where
        A: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Self(Arc::new(Inner {
            act: Box::new(move |call| Box::pin(act(call))),
            begun: Mutex::default(),
            done: Mutex::default(),
        }))
    }

    pub(crate) async fn play(&self, subscriber: &'static str, topic: &str, number: u32, meta: &Metadata) -> Result<()> {
        let call = Call { subscriber, topic: topic.to_owned(), number, meta: meta.clone(), at: time::now() };
        self.0.begun.lock().unwrap().push(call.clone());
        (self.0.act)(call.clone()).await?;
        self.0.done.lock().unwrap().push(call);
        Ok(())
    }

    /// All calls, in the order in which they began.
    pub(crate) fn begun(&self) -> Vec<Call> {
        self.0.begun.lock().unwrap().clone()
    }

    /// The calls that succeeded, in the order in which they ended.
    pub(crate) fn done(&self) -> Vec<Call> {
        self.0.done.lock().unwrap().clone()
    }

    /// The last call of each event that succeeded, in the order in which they ended: what else succeeded was undone
    /// together with an event in the same transaction that did not.
    pub(crate) fn kept(&self) -> Vec<Call> {
        let mut kept = self.done();
        kept.reverse();
        let mut seen = HashSet::new();
        kept.retain(|call| seen.insert((call.subscriber, call.meta.event_id.clone())));
        kept.reverse();
        kept
    }

    /// The numbers of a topic that were handled, in order.
    pub(crate) fn done_of(&self, topic: &str) -> Vec<u32> {
        let done = self.done();
        done.iter().filter(|call| call.topic == topic).map(|call| call.number).collect()
    }

    /// The same of what was kept, in order.
    pub(crate) fn kept_of(&self, topic: &str) -> Vec<u32> {
        self.kept().iter().filter(|call| call.topic == topic).map(|call| call.number).collect()
    }

    /// Waits until that many calls have begun.
    pub(crate) async fn begun_soon(&self, calls: usize) {
        eventually(SOON, async || {
            let begun = self.begun().len();
            if begun >= calls { Ok(()) } else { Err(format!("{begun} of {calls}")) }
        })
        .await;
    }
}

/// A door that handlers wait at.
#[derive(Clone)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn pass(&self) {
        let mut open = self.0.subscribe();
        let _sender_is_here = open.wait_for(|open| *open).await;
    }
}
