//! Handlers that do what the plan says.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::broker::Broker;
use super::bugs::{Bug, planted};
use super::database::{ModelStore, ModelTx, draft};
use super::plan::Course;
use super::world::World;
use crate::error::{DecodeCode, DecodeError, Error, Result};
use crate::event::{Draft, Incoming};
use crate::service::extract::Call;
use crate::service::subscriber::{BoxFuture, Handler, Prepared};

pub(super) struct Script {
    pub(super) world: Arc<World>,
    pub(super) broker: Arc<Broker>,
}

/// Events that wait for their call.
pub(super) struct Scripted {
    broker: Arc<Broker>,
    events: Vec<usize>,
}

impl Handler for Script {
    fn prepare(&self, incoming: &Incoming) -> Result<Box<dyn Prepared>> {
        let event: usize = incoming.metadata.event_id.parse().unwrap_or_default();
        if self.world.plan.events[event].course == Course::Malformed {
            return Err(Error::Decode(DecodeError {
                what: "it".into(),
                path: String::new(),
                code: DecodeCode::Syntax,
            }));
        }
        Ok(Box::new(Scripted { broker: Arc::clone(&self.broker), events: vec![event] }))
    }

    fn join(&self, parts: Vec<Box<dyn Prepared>>) -> Result<Box<dyn Prepared>> {
        let mut events = Vec::new();
        for part in parts {
            let part: Box<dyn Any> = part;
            events.extend(part.downcast::<Scripted>().map_err(|_| Error::Usage("another handler's".into()))?.events);
        }
        Ok(Box::new(Scripted { broker: Arc::clone(&self.broker), events }))
    }
}

impl Prepared for Scripted {
    /// Only a real store calls it so.
    fn call<'a>(self: Box<Self>, _: Call<'a>) -> BoxFuture<'a, Result<Vec<Draft>>> {
        Box::pin(std::future::ready(Err(Error::Usage("a handler of the simulation".into()))))
    }
}

/// Says that a handler has returned, also if it was dropped.
struct Running<'a>(&'a World, usize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.returned(self.1);
    }
}

impl Scripted {
    pub(super) async fn work(self: Box<Self>, store: &ModelStore, tx: Option<&ModelTx>) -> Result<Vec<Draft>> {
        let mut drafts = Vec::with_capacity(self.events.len());
        for &event in &self.events {
            let result = one(event, store, tx).await;
            if result.is_err() && planted(Bug::AckedOnError) {
                self.broker.forget(event);
            }
            result?;
            drafts.push(draft(event));
        }
        Ok(drafts)
    }
}

async fn one(event: usize, store: &ModelStore, tx: Option<&ModelTx>) -> Result<()> {
    let (world, process) = (&store.database.world, &store.process);
    process.pass().await;
    let call = world.called(event);
    let _running = Running(world, event);
    let course = world.plan.events[event].course;
    world.sim.note(|| format!("process {} calls the handler of event {event}, {course:?}", process.id));
    if course.fails(call) && !course.is_permanent() {
        world.failed(event);
    }
    let millis = match course {
        Course::Well { millis } | Course::Slow { millis } => millis,
        Course::Hangs { .. } if course.fails(call) => 3_600_000,
        _ => 0,
    };
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        process.pass().await;
    }
    match course {
        Course::Panics { .. } if course.fails(call) => std::panic::resume_unwind(Box::new("as planned")),
        Course::Poison => return Err(Error::permanent("poison")),
        Course::Missing { until } if world.sim.elapsed() < until => {
            world.failed(event);
            return Err(Error::unavailable("the mail server", "it is away"));
        }
        _ if course.fails(call) => return Err(Error::other("as planned")),
        _ => {}
    }
    match tx {
        Some(tx) => tx.effect(event).await,
        None => Ok(()),
    }
}
