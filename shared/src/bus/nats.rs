//! NATS JetStream: one stream per domain, one durable pull consumer per subscription and stream.

mod advisories;
mod batch;
mod connect;
mod connections;
mod link;
mod nudge;
mod pull;
mod repair;
mod request;
mod stored;
mod topology;
mod upstream;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::context::PublishErrorKind;
use tokio::time::Instant;

#[cfg(all(test, feature = "postgres"))]
pub(crate) use self::pull::open;
pub(crate) use self::pull::{ConsumerProbe, Consumers, Held, Pullers};
use self::repair::Origin;
pub(crate) use self::request::{EndpointRequests, answer};
#[cfg(all(test, feature = "postgres"))]
pub(crate) use self::upstream::{Broken, Coming, ConsumerState, Upstream};
#[cfg(feature = "cli")]
use super::TopologyChange;
use super::request::{Answer, Asking};
use super::responding::{Requests, Served};
use super::subscription::{Route, Source};
use super::{Ack, Acked, Kept, unavailable};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::{Outgoing, subject};

#[derive(Clone)]
pub(super) struct NatsBus {
    inner: Arc<Inner>,
}

/// The streams that are known to exist, by domain.
#[derive(Default)]
struct Streams {
    there: HashMap<String, topology::Stream>,
    /// When one was last found to have been deleted.
    gone: Option<Instant>,
}

impl Streams {
    /// The stream of a domain is not there any more, or all of them.
    fn forget(&mut self, domain: Option<&str>) {
        let were_there = self.there.len();
        self.there.retain(|there, _| domain.is_some_and(|domain| domain != there));
        if self.there.len() < were_there {
            self.gone = Some(Instant::now());
        }
    }
}

struct Inner {
    client: async_nats::Client,
    connections: connections::Connections,
    context: jetstream::Context,
    links: link::Links,
    ack_wait: Duration,
    limits: topology::Limits,
    streams: Mutex<Streams>,
    /// How often something was made again that had been deleted on the server.
    repairs: Arc<AtomicU64>,
}

fn jetstream_context(client: &async_nats::Client) -> jetstream::Context {
    jetstream::context::ContextBuilder::new()
        .timeout(Duration::from_secs(5))
        .ack_timeout(Duration::from_secs(5))
        .max_ack_inflight(4_096)
        .backpressure_on_inflight(true)
        .build(client.clone())
}

/// Whether events are sent in batches: they are said to be faster, and the server knows them.
fn batches_of(client: &async_nats::Client, config: &Config) -> bool {
    let known = batch::are_known(client);
    if config.nats_sync_always && !known {
        tracing::warn!(
            version = client.server_info().version,
            "the NATS server is older than 2.12.1 and knows no batches, so events are published one by one; help: update it, \
             or unset `NATS_SYNC_ALWAYS`"
        );
    }
    config.nats_sync_always && known
}

impl NatsBus {
    pub(super) async fn connect(url: &str, config: &Config) -> Result<Self> {
        let (client, connections) = connect::connect(url, config).await?;
        let context = jetstream_context(&client);
        connect::check_jetstream(url, &context).await?;
        connect::check_payload(&client, config.max_payload)?;
        let limits = topology::Limits::of(config, batches_of(&client, config));
        let (ack_wait, streams, repairs) = (config.ack_wait, Mutex::default(), Arc::default());
        let links = link::Links::new(url, config);
        let inner = Inner { client, connections, context, links, ack_wait, limits, streams, repairs };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) fn client(&self) -> &async_nats::Client {
        &self.inner.client
    }

    pub(super) async fn send(&self, event: &Outgoing) -> Result<Acked> {
        self.send_in(&self.inner.context, event).await
    }

    async fn send_in(&self, context: &jetstream::Context, event: &Outgoing) -> Result<Acked> {
        self.ensure_stream(subject::domain(&event.subject)).await?;
        let headers = Self::headers(event);
        let publish = jetstream::message::PublishMessage::build().headers(headers).payload(event.payload.clone());
        let acked =
            context.send_publish(event.subject.clone(), publish).await.map_err(|e| self.failure(e.kind(), event))?;
        let (bus, event) = (self.clone(), event.clone());
        Ok(Box::pin(async move {
            let ack = acked.await.map_err(|error| bus.failure(error.kind(), &event))?;
            Ok(Ack { stream: ack.stream, sequence: ack.sequence, duplicate: ack.duplicate })
        }))
    }

    fn failure(&self, kind: PublishErrorKind, event: &Outgoing) -> Error {
        match kind {
            PublishErrorKind::TimedOut => Error::Timeout { what: "the acknowledgement of a published event" },
            PublishErrorKind::StreamNotFound => {
                let domain = subject::domain(&event.subject);
                self.lock_streams().forget(Some(domain));
                unavailable(format!("no stream takes the subject {}; it is made again at the next try", event.subject))
            }
            PublishErrorKind::MaxPayloadExceeded => Error::Bus {
                what: format!(
                    "event `{}` is larger than the server's `max_payload`; lower `MAX_PAYLOAD` to it",
                    event.event_type
                )
                .into(),
                source: None,
            },
            kind => unavailable(format!("the NATS server did not take an event: {kind}")),
        }
    }

    /// Returns whether the stream takes batches.
    pub(super) async fn ensure_stream(&self, domain: &str) -> Result<bool> {
        let gone = {
            let streams = self.lock_streams();
            if let Some(stream) = streams.there.get(domain) {
                return Ok(stream.batches);
            }
            streams.gone
        };
        if let Some(gone) = gone {
            tokio::time::sleep_until(gone + repair::SETTLED).await;
        }
        let stream = topology::ensure_stream(&self.inner.context, domain, &self.inner.limits).await?;
        let batches = stream.batches;
        self.lock_streams().there.insert(domain.to_owned(), stream);
        Ok(batches)
    }

    pub(super) fn kept(&self) -> Vec<Kept> {
        self.lock_streams().there.values().map(|stream| stream.kept.clone()).collect()
    }

    fn lock_streams(&self) -> std::sync::MutexGuard<'_, Streams> {
        // entries are inserted and removed whole
        self.inner.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How streams and consumers differ from what is declared.
    #[cfg(feature = "cli")]
    pub(super) async fn plan(&self, domains: &[String], routes: &[Route]) -> Result<Vec<TopologyChange>> {
        let Inner { context, limits, ack_wait, .. } = &*self.inner;
        let mut changes = Vec::new();
        for domain in domains {
            changes.extend(topology::plan_stream(context, domain, limits).await?);
        }
        for route in routes {
            for domain in &route.domains {
                changes.extend(topology::plan_consumer(context, domain, route, *ack_wait).await?);
            }
        }
        Ok(changes)
    }

    /// Makes streams and consumers as they are declared.
    #[cfg(feature = "cli")]
    pub(super) async fn apply(&self, domains: &[String], routes: &[Route]) -> Result<()> {
        let inner = &*self.inner;
        for domain in domains {
            self.ensure_stream(domain).await?;
        }
        for route in routes {
            for domain in &route.domains {
                topology::ensure_consumer(&inner.context, domain, route, inner.ack_wait).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn subscribe(&self, route: Route) -> Result<Source> {
        match self.consumers(route).await {
            // what a user may not ask for, the server does not answer
            Err(Error::Timeout { .. }) if self.ping().await.is_ok() => Err(Error::config(
                "NATS_URL",
                "the server answers, but not what was asked of it about streams and consumers",
                "let the user publish to `$JS.API.>` and subscribe to `_INBOX.>`; with less, somebody else makes what `plan` shows",
            )),
            opened => opened,
        }
    }

    async fn consumers(&self, route: Route) -> Result<Source> {
        let mut consumers = Vec::with_capacity(route.domains.len());
        for domain in &route.domains {
            self.ensure_stream(domain).await?;
            let Inner { client, context, ack_wait, limits, .. } = &*self.inner;
            let consumer = topology::ensure_consumer(context, domain, &route, *ack_wait).await?;
            let origin = Origin {
                advisories: advisories::listen(client, &topology::stream_name(domain), &route.durable).await?,
                context: context.clone(),
                domain: domain.clone(),
                route: route.clone(),
                ack_wait: *ack_wait,
                limits: limits.clone(),
                repairs: Arc::clone(&self.inner.repairs),
            };
            consumers.push((consumer, origin));
        }
        let (context, connections) = (self.inner.context.clone(), self.inner.connections.clone());
        Ok(Source::Nats(Box::new(Consumers::new(context, connections, consumers, route, self.inner.ack_wait))))
    }

    /// Asks, and waits for the answer; `None` when nobody answers this subject.
    pub(super) async fn ask(&self, asking: Asking) -> Option<Result<Answer>> {
        request::ask(&self.inner.client, asking).await
    }

    /// Announces a service and opens its endpoints, in their order.
    pub(super) async fn serve(&self, served: &Served<'_>) -> Result<Vec<Requests>> {
        let requests = request::serve(&self.inner.client, served).await?;
        // a request of another connection must not overtake the subscriptions
        self.flush().await;
        Ok(requests)
    }

    pub(super) async fn ping(&self) -> Result<()> {
        match self.inner.client.connection_state() {
            async_nats::connection::State::Connected => {}
            _ => return Err(unavailable("the NATS server is not connected; the client keeps trying")),
        }
        self.inner.context.query_account().await.map(|_| ()).map_err(|_| unavailable("JetStream does not answer"))
    }

    /// `Client::flush` does not wait for the server, so a round trip follows.
    pub(super) async fn flush(&self) {
        let done = async {
            let _ = self.inner.client.flush().await;
            let _ = self.inner.context.query_account().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), done).await;
    }
}
