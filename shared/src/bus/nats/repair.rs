//! What a subscription does when its consumer or stream is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::Context;

use super::super::subscription::Route;
use super::advisories::Advisories;
use super::topology::{self, Limits};
use crate::error::Result;

/// How long after a stream was found missing it is made again. A server that is still deleting one of that name can lose
/// what the new one gets at first, and never acknowledges it again under the same id (seen with 2.15.1).
pub(super) const SETTLED: Duration = Duration::from_millis(500);

/// Where a consumer came from, so that it can be made again.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) advisories: Advisories,
    pub(super) context: Context,
    pub(super) domain: String,
    pub(super) route: Route,
    pub(super) ack_wait: Duration,
    pub(super) limits: Limits,
    /// How often something was made again.
    pub(super) repairs: Arc<AtomicU64>,
}

impl Origin {
    /// Makes stream and consumer again if somebody has deleted them. Returns whether anything was missing.
    ///
    /// The new consumer takes the stream from its start: where the old one was, nobody knows any more. What was handled,
    /// the inbox knows.
    pub(super) async fn repair(&self) -> Result<bool> {
        let Self { advisories: _, context, domain, route, ack_wait, limits, repairs } = self;
        if topology::find_consumer(context, domain, route).await?.is_some() {
            return Ok(false);
        }
        // before: nothing new shall be in the stream until what it has lost is published again
        repairs.fetch_add(1, Ordering::AcqRel);
        tokio::time::sleep(SETTLED).await;
        topology::ensure_stream(context, domain, limits).await?;
        topology::ensure_consumer(context, domain, route, *ack_wait).await?;
        tracing::error!(
            subscription = %route.durable,
            stream = topology::stream_name(domain),
            "the consumer was deleted on the server, or its stream; it was made again and takes the stream from its start"
        );
        Ok(true)
    }
}
