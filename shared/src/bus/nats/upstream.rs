//! What pulling needs of a server: the seam at which the simulation puts a model in the place of NATS.

use std::future::Future;
use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{Context, Message};
use bytes::Bytes;
use futures_util::stream::Map;
use futures_util::{Stream, StreamExt as _};

use super::super::subscription::Reply;
use super::connections::Connections;
use super::repair::Origin;
use super::unavailable;
use crate::error::Result;
use crate::event::{Delivered, Headers};

/// How long the server may take to begin a consumer anew.
const RESET: Duration = Duration::from_secs(2);

/// A consumer on a server.
pub(crate) trait Upstream: Send + Sync + 'static {
    /// A message as the client has it.
    type Message: Send;
    /// The answer to one request for messages.
    type Batch: Stream<Item = std::result::Result<Self::Message, Broken>> + Unpin + Send;

    /// How the consumer is.
    fn state(&self) -> impl Future<Output = Result<ConsumerState>> + Send;

    /// Asks for messages.
    fn request(
        &self,
        most: usize,
        expires: Duration,
    ) -> impl Future<Output = std::result::Result<Self::Batch, Broken>> + Send;

    /// Waits until the connection is another one than now: what was asked for before is not answered any more.
    fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        std::future::pending()
    }

    /// Reads a message; `None` when it is not one of a stream.
    fn read(message: Self::Message) -> Option<Coming>;

    /// Lets the server deliver again at once, in their order, everything that is outstanding. Whether it can.
    fn reset(&self) -> impl Future<Output = bool> + Send;

    /// Makes the consumer again if it was deleted.
    fn repair(&self) -> impl Future<Output = Result<()>> + Send;
}

/// The delivery has broken off, or could not be asked for.
#[derive(Debug)]
pub(crate) struct Broken;

/// How a consumer is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConsumerState {
    /// How many messages are delivered to anybody and not acknowledged.
    pub(crate) outstanding: usize,
    /// The number of the last delivery.
    pub(crate) delivered: u64,
}

/// A message with what the server calls it.
pub(crate) struct Coming {
    /// Its position in the stream.
    pub(crate) sequence: u64,
    /// The number of its delivery.
    pub(crate) delivered: u64,
    /// How often it was delivered, from 1.
    pub(crate) deliveries: u32,
    pub(crate) message: Delivered,
    pub(crate) reply: Reply,
}

/// The real one.
pub(super) struct OnNats {
    pub(super) context: Context,
    pub(super) consumer: Consumer<pull::Config>,
    pub(super) connections: Connections,
    /// How to make the consumer again.
    pub(super) origin: Origin,
}

/// The server's answer, of which nothing is needed.
#[derive(Debug, serde::Deserialize)]
struct Reset {}

type Taken = std::result::Result<Message, async_nats::Error>;

impl Upstream for OnNats {
    type Message = Message;
    type Batch = Map<pull::Batch, fn(Taken) -> std::result::Result<Message, Broken>>;

    async fn state(&self) -> Result<ConsumerState> {
        let info = self.consumer.get_info().await.map_err(|_| unavailable("a consumer cannot be read"))?;
        Ok(ConsumerState { outstanding: info.num_ack_pending, delivered: info.delivered.consumer_sequence })
    }

    /// Without the client's heartbeats: in async-nats 0.51 a batch that has received one is not woken by the next
    /// message any more (`Batch::poll_next` returns `Pending` without having registered the waker).
    async fn request(&self, most: usize, expires: Duration) -> std::result::Result<Self::Batch, Broken> {
        let request = self.consumer.batch().max_messages(most).expires(expires).messages();
        let batch = request.await.map_err(|_| Broken)?;
        Ok(batch.map(|taken| taken.map_err(|_| Broken)))
    }

    fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        self.connections.lost()
    }

    fn read(message: Message) -> Option<Coming> {
        let (sequence, delivered, deliveries, origin) = {
            let info = message.info().ok()?;
            let deliveries = u32::try_from(info.delivered).unwrap_or(u32::MAX);
            (
                info.stream_sequence,
                info.consumer_sequence,
                deliveries,
                format!("{}:{}", info.stream, info.stream_sequence),
            )
        };
        let (message, acker) = message.split();
        let mut headers = Headers::new();
        for (name, values) in message.headers.iter().flat_map(|headers| headers.iter()) {
            let name: &str = name.as_ref();
            for value in values {
                headers.push(name, value.as_str());
            }
        }
        let message = Delivered {
            subject: message.subject.to_string(),
            headers,
            payload: Bytes::clone(&message.payload),
            origin,
        };
        Some(Coming { sequence, delivered, deliveries, message, reply: Reply::Nats(acker) })
    }

    /// A server before 2.14, or one that does not let this program do it, cannot: they come again after `ack_wait`.
    async fn reset(&self) -> bool {
        let info = self.consumer.cached_info();
        let subject = format!("CONSUMER.RESET.{}.{}", info.stream_name, info.name);
        let everything_outstanding = serde_json::json!({});
        let request = self.context.request(subject, &everything_outstanding);
        matches!(tokio::time::timeout(RESET, request).await, Ok(Ok(Response::Ok(Reset {}))))
    }

    async fn repair(&self) -> Result<()> {
        self.origin.repair().await.map(drop)
    }
}
