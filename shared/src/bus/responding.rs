//! The other end of requests: what a bus hands to those who answer.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::request::{Answer, TIMEOUT_HEADER};
use crate::event::{Delivered, Headers};

/// A service that answers, as its declarations say.
#[cfg_attr(not(feature = "nats"), allow(dead_code))] // in-process nobody looks for services
pub(crate) struct Served<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) docs: &'a str,
    pub(crate) endpoints: Vec<Endpoint>,
}

/// One query that is answered.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "nats"), allow(dead_code))] // in-process nobody looks for endpoints
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) docs: &'static str,
}

/// The requests of one endpoint.
pub(crate) enum Requests {
    Local(LocalRequests),
    #[cfg(feature = "nats")]
    Nats(Box<super::nats::EndpointRequests>),
}

/// Ends an endpoint in-process when it is dropped.
pub(crate) struct LocalRequests {
    pub(super) receiver: mpsc::Receiver<Request>,
    pub(super) stopped: CancellationToken,
}

impl Drop for LocalRequests {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

impl Requests {
    /// The next request; `None` once stopped and when all that had come were taken.
    pub(crate) async fn next(&mut self) -> Option<Request> {
        match self {
            Self::Local(local) => local.receiver.recv().await,
            #[cfg(feature = "nats")]
            Self::Nats(endpoint) => endpoint.next().await,
        }
    }

    /// Takes no further requests. Those that have come can still be taken.
    #[cfg_attr(not(feature = "nats"), allow(clippy::unused_async))] // only NATS has something to await
    pub(crate) async fn stop(&mut self) {
        match self {
            Self::Local(local) => {
                local.stopped.cancel();
                local.receiver.close();
            }
            #[cfg(feature = "nats")]
            Self::Nats(endpoint) => endpoint.stop().await,
        }
    }
}

/// A request that waits for its answer.
pub(crate) struct Request {
    pub(crate) message: Delivered,
    pub(super) reply: Reply,
}

pub(super) enum Reply {
    Local(oneshot::Sender<Answer>),
    #[cfg(feature = "nats")]
    Nats(Box<async_nats::service::Request>),
}

impl Request {
    /// How long the asker waits, if it says so.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        timeout(&self.message.headers)
    }

    /// Answers. When the asker is gone, nobody misses it.
    #[cfg_attr(not(feature = "nats"), allow(clippy::unused_async))] // only NATS has something to await
    pub(crate) async fn answer(self, answer: Answer) {
        match self.reply {
            Reply::Local(sender) => drop(sender.send(answer)),
            #[cfg(feature = "nats")]
            Reply::Nats(request) => super::nats::answer(&request, answer).await,
        }
    }
}

fn timeout(headers: &Headers) -> Option<Duration> {
    headers.get(TIMEOUT_HEADER)?.parse().ok().map(Duration::from_millis)
}
