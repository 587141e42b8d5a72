//! A subscription, or a part of it, whenever it is the turn of this process.

use std::sync::Arc;
use std::time::Duration;

use super::claims::{Post, Turn};
use super::dispatch::{self, Ended, Stopping};
use super::handle::Subscription;
use super::health::Watched;
use super::store::Store;
use crate::bus::{Part, Source};
use crate::db::Db;

pub(crate) struct Duty<S: Store = Db> {
    pub(crate) subscription: Arc<Subscription<S>>,
    pub(crate) part: Option<Part>,
    pub(crate) source: Source,
    /// What decides whose turn it is; without one every process takes its share of the messages.
    pub(crate) post: Option<Arc<Post>>,
    pub(crate) ack_wait: Duration,
}

impl Duty {
    /// What tells how it is doing.
    pub(crate) fn watched(&self) -> Watched {
        let durable = &self.subscription.durable;
        let name = self.part.map_or_else(|| durable.clone(), |part| part.name(durable));
        Watched { name, subscription: Arc::clone(&self.subscription), post: self.post.clone() }
    }
}

impl<S: Store> Duty<S> {
    /// Runs until stopped. Returns how many messages were left unfinished.
    pub(crate) async fn run(mut self, stopping: Stopping) -> usize {
        loop {
            let turn = tokio::select! {
                biased;
                () = stopping.stop.cancelled() => return 0,
                turn = Turn::of(self.post.as_ref()) => turn,
            };
            let Some(open) = self.source.open() else { return 0 };
            let subscription = Arc::clone(&self.subscription);
            match dispatch::run(subscription, self.part, open, self.ack_wait, turn, stopping.clone()).await {
                Ended::Stopped { unfinished } => return unfinished,
                Ended::Over => {
                    if let Some(post) = &self.post {
                        post.done();
                    }
                }
            }
        }
    }
}
