//! The in-process bus: subjects and durable names as on NATS, and nothing stored.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::subscription::{Acker, Control, Delivery, Route, Subscription};
use super::{Ack, Acked, unavailable};
use crate::error::{Error, Result};
use crate::event::{Delivered, Outgoing, subject};

#[derive(Clone, Default)]
pub(super) struct LocalBus {
    routes: Arc<Mutex<Vec<LocalRoute>>>,
}

#[derive(Clone)]
struct LocalRoute {
    durable: String,
    pattern: &'static str,
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<LocalRoute>> {
        // pushes and retains leave the list whole even if a thread panics elsewhere
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(&self, route: Route) -> Result<Subscription> {
        let (sender, receiver) = mpsc::channel(route.capacity.max(1));
        let stopped = CancellationToken::new();
        let mut routes = self.lock();
        if routes.iter().any(|other| other.durable == route.durable && !other.stopped.is_cancelled()) {
            return Err(Error::Usage(
                format!("two subscriptions are called `{}`; give one of them another `name`", route.durable).into(),
            ));
        }
        routes.retain(|other| other.durable != route.durable);
        routes.push(LocalRoute { durable: route.durable, pattern: route.pattern, sender, stopped: stopped.clone() });
        drop(routes);
        let registration = Registration { stopped };
        Ok(Subscription { receiver, control: Control::Local(registration) })
    }

    /// Hands the event to every matching subscription. The returned future is done when each of them has
    /// handled or parked it; it fails when one stopped before.
    pub(super) async fn send(&self, event: &Outgoing) -> Result<Acked> {
        let routes: Vec<LocalRoute> =
            self.lock().iter().filter(|route| subject::covers(route.pattern, &event.subject)).cloned().collect();
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
            Ok(Ack { stream: "local".into(), sequence: 0 })
        }))
    }
}

fn stopped() -> Error {
    unavailable("a subscription stopped before it had handled the event; it gets it again at the next start")
}
