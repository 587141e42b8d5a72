//! How it travels: NATS JetStream, or an in-process bus with the same contract.

pub(crate) mod batch;
mod local;
#[cfg(feature = "nats")]
pub(crate) mod nats;
mod request;
mod responding;
pub(crate) mod subscription;
pub(crate) mod topology;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use uuid::Uuid;

pub(crate) use self::request::{Answer, Failure};
pub(crate) use self::responding::{Endpoint, Request, Requests, Served};
pub(crate) use self::subscription::{Delivery, Part, Route, Source, Subscription, give_back};
pub use self::topology::{Refusal, TopologyChange};
use crate::config::Config;
use crate::context::{Context, Id};
use crate::error::{Error, Result};
use crate::event::{Draft, Outgoing, Publish, Shape, Shapes};

/// A handle on the bus, cheap to clone.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let bus = shared::Bus::local();
/// let receipt = bus
///     .publish_raw("clinic.opened", "clinic.opened", &serde_json::json!({ "beds": 12 }))
///     .await?;
/// println!("published {} as part of {}", receipt.event_id, receipt.correlation_id);
/// # Ok::<(), shared::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Bus {
    transport: Transport,
    source: Arc<str>,
    shapes: Shapes,
    max_payload: usize,
}

#[derive(Clone)]
enum Transport {
    Local(local::LocalBus),
    #[cfg(feature = "nats")]
    Nats(nats::NatsBus),
}

/// What a publisher gets back once the bus has taken responsibility for its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The event's id.
    pub event_id: Uuid,
    /// The id that all work with the same origin shares.
    pub correlation_id: Id,
}

/// A bus's acknowledgement of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ack {
    /// The stream that stores it; `local` on the in-process bus.
    pub(crate) stream: String,
    /// Its position there; 0 on the in-process bus.
    pub(crate) sequence: u64,
    /// Whether the stream had it already.
    pub(crate) duplicate: bool,
}

/// What a stream is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "nats"), allow(dead_code))] // only NATS has streams
pub(crate) struct StreamState {
    /// When it was made, in nanoseconds since 1970.
    pub(crate) created_ns: i64,
    /// The position of its first message.
    pub(crate) first: i64,
    /// The highest position that it has given.
    pub(crate) last: i64,
}

/// The last event of a subject in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "nats"), allow(dead_code))] // only NATS has streams
pub(crate) struct Position {
    pub(crate) subject: String,
    pub(crate) stream: String,
    pub(crate) sequence: u64,
}

/// How long a stream keeps its events; `None` is for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "nats"), allow(dead_code))] // only NATS has streams
pub(crate) struct Kept {
    pub(crate) stream: String,
    pub(crate) max_age: Option<Duration>,
}

/// The second half of sending: waits for the acknowledgement.
pub(crate) type Acked = BoxFuture<'static, Result<Ack>>;

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("kind", &self.kind()).field("source", &self.source).finish()
    }
}

impl Bus {
    /// The in-process bus. It keeps nothing: an event counts as published once every matching subscription has
    /// handled or parked it, so its durable copy is the outbox row of the transaction that published it.
    #[must_use]
    pub fn local() -> Self {
        let config = Config::embedded();
        Self {
            transport: Transport::Local(local::LocalBus::new()),
            source: config.service.into(),
            shapes: config.event_shapes,
            max_payload: config.max_payload,
        }
    }

    /// Connects to a NATS server: `nats://host:4222`, or several separated by commas.
    ///
    /// # Errors
    /// [`Error::Config`] naming `NATS_URL`, what was tried and what to do; no secret is printed.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::from_config(&Config::embedded().with_nats_url(Some(url.to_owned()))).await
    }

    /// Connects as the environment says: `NATS_URL`, or without it the in-process bus.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub async fn from_env() -> Result<Self> {
        Self::from_config(&Config::from_env()?).await
    }

    /// Connects as a configuration says.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub async fn from_config(config: &Config) -> Result<Self> {
        let Some(url) = &config.nats_url else {
            let bus = Self::local().with_source(&config.service).with_shapes(config.event_shapes.clone());
            return Ok(Self { max_payload: config.max_payload, ..bus });
        };
        Self::connect_nats(url, config).await
    }

    #[cfg(feature = "nats")]
    async fn connect_nats(url: &str, config: &Config) -> Result<Self> {
        let transport = Transport::Nats(nats::NatsBus::connect(url, config).await?);
        let (source, shapes) = (config.service.as_str().into(), config.event_shapes.clone());
        Ok(Self { transport, source, shapes, max_payload: config.max_payload })
    }

    #[cfg(not(feature = "nats"))]
    #[allow(clippy::unused_async)] // the signature of the real one
    async fn connect_nats(url: &str, _config: &Config) -> Result<Self> {
        Err(Error::config(
            "NATS_URL",
            format!("this program was built without NATS (tried {})", crate::config::redact(url)),
            "build `shared` with its feature `nats`, or unset the variable to use the in-process bus",
        ))
    }

    /// The same bus, publishing as another service (`ce-source`).
    #[must_use]
    pub fn with_source(&self, source: &str) -> Self {
        Self { source: source.into(), ..self.clone() }
    }

    /// The same bus, writing events on these subjects in another shape. Patterns that were given before come first.
    ///
    /// ```
    /// # fn main() -> shared::Result<()> {
    /// use shared::event::Shape;
    ///
    /// let bus = shared::Bus::local().with_shape("appointment.>", Shape::Flat)?;
    /// # drop(bus); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Usage`]: it is no pattern.
    pub fn with_shape(&self, pattern: &str, shape: Shape) -> Result<Self> {
        Ok(self.with_shapes(self.shapes.clone().with(pattern, shape)?))
    }

    pub(crate) fn with_shapes(&self, shapes: Shapes) -> Self {
        Self { shapes, ..self.clone() }
    }

    /// `local` or `nats`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.transport {
            Transport::Local(_) => "local",
            #[cfg(feature = "nats")]
            Transport::Nats(_) => "nats",
        }
    }

    /// Publishes an event and waits for the bus's acknowledgement: that of JetStream, or in-process until
    /// every matching subscription has handled or parked it.
    ///
    /// Nothing ties this to a database: when the process dies before the acknowledgement, nobody knows whether
    /// the event was published. Together with a change of rows use [`Tx::publish`](crate::Tx::publish);
    /// inside a subscriber too, or return the event.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation; [`Error::Timeout`] when no acknowledgement came in time (the
    /// event may have been published: publishing it again makes a second one).
    pub async fn publish(&self, event: impl Publish) -> Result<Receipt> {
        self.publish_draft(event.draft()?).await
    }

    /// Publishes an event that has no Rust type, checked at run time. For one with an ordering key or a version,
    /// publish a [`Draft::raw`].
    ///
    /// # Errors
    /// [`Error::Usage`]: the subject is none (say, it has a wildcard), or the event is too large. Otherwise
    /// see [`publish`](Self::publish).
    pub async fn publish_raw(&self, subject: &str, event_type: &str, data: &serde_json::Value) -> Result<Receipt> {
        self.publish_draft(Draft::raw(subject, event_type, data)).await
    }

    async fn publish_draft(&self, draft: Draft) -> Result<Receipt> {
        let context = Context::current();
        let shape = self.shapes.of(&draft.subject);
        let outgoing = draft.seal(&context, &self.source, shape, self.max_payload)?;
        let event_id = outgoing.id;
        let acked = self.send(&outgoing).await?;
        match tokio::time::timeout(PUBLISH_TIMEOUT, acked).await {
            Ok(ack) => ack.map(|_| ())?,
            Err(_) => return Err(Error::Timeout { what: "the acknowledgement of a published event" }),
        }
        Ok(Receipt { event_id, correlation_id: context.correlation_id().clone() })
    }

    /// Makes the stream that takes an event, unless it is known to be there, so that sending it asks the server nothing
    /// first.
    #[cfg_attr(not(feature = "nats"), allow(clippy::unused_async, unused_variables))] // only NATS has streams
    pub(crate) async fn prepare(&self, event: &Outgoing) -> Result<()> {
        match &self.transport {
            Transport::Local(_) => Ok(()),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => {
                bus.ensure_stream(crate::event::subject::domain(&event.subject)).await.map(|_batches| ())
            }
        }
    }

    /// Sends an event; the future it returns waits for the acknowledgement. Events are stored in the order of
    /// the calls as long as none fails.
    pub(crate) async fn send(&self, event: &Outgoing) -> Result<Acked> {
        let event = event.written();
        match &self.transport {
            Transport::Local(bus) => bus.send(&event).await,
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.send(&event).await,
        }
    }

    /// Sends an event over the relay's connection of this number, and no other: what it does not take over to the server
    /// ends with it. Otherwise as [`send`](Self::send).
    pub(crate) async fn send_on(&self, link: u64, event: &Outgoing) -> Result<Acked> {
        #[cfg(feature = "nats")]
        if let Transport::Nats(bus) = &self.transport {
            return bus.send_on(link, &event.written()).await;
        }
        let _the_only_one = link;
        self.send(event).await
    }

    /// Opens a connection for the relay in the place of one that was lost.
    #[cfg_attr(not(feature = "nats"), allow(clippy::unused_async))] // the in-process bus has one
    pub(crate) async fn open_link(&self) -> Result<u64> {
        match &self.transport {
            Transport::Local(_) => Ok(0),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.open_link().await,
        }
    }

    /// Closes the relay's connection, with everything that the client still has in hand.
    pub(crate) fn close_link(&self) {
        match &self.transport {
            Transport::Local(_) => {}
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.close_link(),
        }
    }

    /// The number of the relay's connection to the server, another one too after what was deleted there was made again;
    /// `None` while there is none. The in-process bus has one for ever.
    pub(crate) fn link(&self) -> Option<u64> {
        match &self.transport {
            Transport::Local(_) => Some(0),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.link(),
        }
    }

    /// Wakes the relay of another process that listens for this token. Nobody answers, and nobody waits.
    #[cfg_attr(not(feature = "nats"), allow(clippy::unused_async, unused_variables))] // in-process there is no other
    pub(crate) async fn nudge(&self, token: &str) {
        match &self.transport {
            Transport::Local(_) => {}
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.nudge(token).await,
        }
    }

    /// The nudges that come with this token.
    #[cfg_attr(not(feature = "nats"), allow(clippy::unused_async, unused_variables))] // in-process there is no other
    pub(crate) async fn nudges(&self, token: &str) -> BoxStream<'static, ()> {
        match &self.transport {
            Transport::Local(_) => futures_util::stream::empty().boxed(),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.nudges(token).await,
        }
    }

    /// What a stream is like; `None` when there is no such stream.
    #[cfg_attr(not(feature = "nats"), allow(clippy::unused_async, unused_variables))] // only NATS has streams
    pub(crate) async fn stream_state(&self, stream: &str) -> Result<Option<StreamState>> {
        match &self.transport {
            Transport::Local(_) => Ok(None),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.stream_state(stream).await,
        }
    }

    /// The event id of the message at a position, empty when it has none; `None` when no message is there.
    #[cfg_attr(not(feature = "nats"), allow(clippy::unused_async, unused_variables))] // only NATS has streams
    pub(crate) async fn stored_id(&self, stream: &str, sequence: i64) -> Result<Option<String>> {
        match &self.transport {
            Transport::Local(_) => Ok(None),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.stored_id(stream, sequence).await,
        }
    }

    /// Whether messages can be asked for: the server says so at the first question when this user may not, and does not
    /// answer it.
    pub(crate) fn may_read(&self) -> bool {
        match &self.transport {
            Transport::Local(_) => true,
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.may_read(),
        }
    }

    /// Opens the endpoints of a service, in their order.
    pub(crate) async fn serve(&self, served: &Served<'_>) -> Result<Vec<Requests>> {
        match &self.transport {
            Transport::Local(bus) => bus.serve(served),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.serve(served).await,
        }
    }

    /// Finds or makes a durable subscription.
    pub(crate) async fn subscribe(&self, route: Route) -> Result<Source> {
        match &self.transport {
            Transport::Local(bus) => bus.subscribe(route).map(|subscription| Source::Local(Some(subscription))),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.subscribe(route).await,
        }
    }

    /// How streams and consumers on the server differ from what is declared; the in-process bus has none.
    #[cfg(feature = "cli")]
    #[cfg_attr(not(feature = "nats"), allow(unused_variables, clippy::unused_async))] // only NATS has streams
    pub(crate) async fn plan(&self, domains: &[String], routes: &[Route]) -> Result<Vec<TopologyChange>> {
        match &self.transport {
            Transport::Local(_) => Ok(Vec::new()),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.plan(domains, routes).await,
        }
    }

    /// Makes streams and consumers as they are declared, where that loses nothing.
    #[cfg(feature = "cli")]
    #[cfg_attr(not(feature = "nats"), allow(unused_variables, clippy::unused_async))] // only NATS has streams
    pub(crate) async fn apply(&self, domains: &[String], routes: &[Route]) -> Result<()> {
        match &self.transport {
            Transport::Local(_) => Ok(()),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.apply(domains, routes).await,
        }
    }

    /// How long the streams that were opened keep events.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        match &self.transport {
            Transport::Local(_) => Vec::new(),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.kept(),
        }
    }

    /// Asks the server whether it is there.
    ///
    /// # Errors
    /// [`Error::Timeout`] after five seconds, or [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<()> {
        match &self.transport {
            Transport::Local(_) => Ok(()),
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => match tokio::time::timeout(Duration::from_secs(5), bus.ping()).await {
                Ok(answer) => answer,
                Err(_) => Err(Error::Timeout { what: "the NATS server" }),
            },
        }
    }

    /// Waits until everything that was sent is with the server.
    pub(crate) async fn flush(&self) {
        match &self.transport {
            Transport::Local(_) => {}
            #[cfg(feature = "nats")]
            Transport::Nats(bus) => bus.flush().await,
        }
    }

    /// async-nats' client, if this is NATS: the way out for what this library does not offer.
    #[cfg(feature = "nats")]
    #[must_use]
    pub fn nats(&self) -> Option<&async_nats::Client> {
        match &self.transport {
            Transport::Local(_) => None,
            Transport::Nats(bus) => Some(bus.client()),
        }
    }
}

const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);

/// An error of the bus without the client's text.
pub(crate) fn unavailable(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::Unavailable { what: what.into(), source: None }
}
