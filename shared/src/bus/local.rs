//! The in-process bus: subjects and durable names as on NATS, and nothing stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::request::{Answer, Asking, Failure};
use super::responding::{LocalRequests, Reply, Request, Requests, Served};
use super::subscription::{Acker, Control, Delivery, Route, Subscription};
use super::{Ack, Acked, unavailable};
use crate::error::{Error, Result};
use crate::event::subject::PatternMap;
use crate::event::{Delivered, Outgoing};

#[derive(Clone, Default)]
pub(super) struct LocalBus {
    routes: Arc<Mutex<Routes>>,
}

/// The subscriptions, by pattern.
#[derive(Default)]
struct Routes {
    by_pattern: PatternMap<LocalRoute>,
    /// The pattern of each durable name.
    patterns: HashMap<String, &'static str>,
    /// Who answers, by subject.
    responders: HashMap<&'static str, LocalResponder>,
}

impl Routes {
    /// Puts a route in the place of the one that had its name. That one must have stopped.
    fn replace(&mut self, route: LocalRoute, pattern: &'static str) -> Result<()> {
        if let Some(old) = self.patterns.get(&route.durable) {
            let stopped = |other: &LocalRoute| other.durable == route.durable && other.stopped.is_cancelled();
            if self.by_pattern.remove(old, stopped).is_empty() {
                return Err(Error::Usage(
                    format!("two subscriptions are called `{}`; give one of them another `name`", route.durable).into(),
                ));
            }
        }
        self.patterns.insert(route.durable.clone(), pattern);
        self.by_pattern.insert(pattern, route);
        Ok(())
    }
}

#[derive(Clone)]
struct LocalResponder {
    sender: mpsc::Sender<Request>,
    stopped: CancellationToken,
}

/// The most requests that wait to be looked at by a responder.
const REQUESTS: usize = 256;

#[derive(Clone)]
struct LocalRoute {
    durable: String,
    sender: mpsc::Sender<Delivery>,
    stopped: CancellationToken,
}

/// Ends a subscription when it is dropped. Its route stays: an event that it should have had must not count as
/// published while it is away.
pub(crate) struct Registration {
    stopped: CancellationToken,
}

impl Registration {
    pub(super) fn stop(&self) {
        self.stopped.cancel();
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.stop();
    }
}

impl LocalBus {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Routes> {
        // nothing that is done under the lock can panic halfway
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(&self, route: Route) -> Result<Subscription> {
        let (sender, receiver) = mpsc::channel(route.capacity.max(1));
        let stopped = CancellationToken::new();
        let local = LocalRoute { durable: route.durable, sender, stopped: stopped.clone() };
        self.lock().replace(local, route.pattern)?;
        let registration = Registration { stopped };
        Ok(Subscription { receiver, control: Control::Local(registration) })
    }

    /// Opens the endpoints of a service. A subject has one responder.
    pub(super) fn serve(&self, served: &Served<'_>) -> Result<Vec<Requests>> {
        let mut routes = self.lock();
        let open = |subject| routes.responders.get(subject).is_some_and(|other| !other.stopped.is_cancelled());
        if let Some(endpoint) = served.endpoints.iter().find(|endpoint| open(endpoint.subject)) {
            return Err(Error::Usage(
                format!("`{}` is answered already by another service of this process", endpoint.subject).into(),
            ));
        }
        let requests = served.endpoints.iter().map(|endpoint| {
            let (sender, receiver) = mpsc::channel(REQUESTS);
            let stopped = CancellationToken::new();
            let responder = LocalResponder { sender, stopped: stopped.clone() };
            routes.responders.insert(endpoint.subject, responder);
            Requests::Local(LocalRequests { receiver, stopped })
        });
        Ok(requests.collect())
    }

    /// Asks, and waits for the answer; `None` when nobody answers this subject.
    pub(super) async fn ask(&self, asking: Asking) -> Option<Result<Answer>> {
        let responder = self.lock().responders.get(asking.subject).cloned()?;
        if responder.stopped.is_cancelled() {
            return None;
        }
        let (sender, answer) = oneshot::channel();
        let message = Delivered {
            subject: asking.subject.to_owned(),
            headers: asking.headers,
            payload: asking.payload,
            origin: crate::id::new().to_string(),
        };
        match responder.sender.try_send(Request { message, reply: Reply::Local(sender) }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                return Some(Ok(Err(Failure::of(&Error::Busy { what: "the responder" }))));
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return None,
        }
        Some(answer.await.map_err(|_| unavailable("the responder ended before it answered")))
    }

    /// Hands the event to every matching subscription. The returned future is done when each of them has
    /// handled or parked it; it fails when one stopped before.
    pub(super) async fn send(&self, event: &Outgoing) -> Result<Acked> {
        let routes: Vec<LocalRoute> = self.lock().by_pattern.matches(&event.subject).cloned().collect();
        let mut outcomes = Vec::with_capacity(routes.len());
        for route in routes {
            let (done, outcome) = oneshot::channel();
            let delivery = Delivery {
                message: Delivered {
                    subject: event.subject.clone(),
                    headers: event.headers.clone(),
                    payload: event.payload.clone(),
                    origin: event.id.to_string(),
                },
                deliveries: 1,
                acker: Acker::Local(Some(done)),
                permit: None,
            };
            tokio::select! {
                () = route.stopped.cancelled() => return Err(stopped()),
                sent = route.sender.send(delivery) => sent.map_err(|_| stopped())?,
            }
            outcomes.push(outcome);
        }
        Ok(Box::pin(async move {
            for outcome in outcomes {
                outcome.await.map_err(|_| stopped())?;
            }
            Ok(Ack { stream: "local".into(), sequence: 0, duplicate: false })
        }))
    }
}

fn stopped() -> Error {
    unavailable("a subscription stopped before it had handled the event; it gets it again at the next start")
}
