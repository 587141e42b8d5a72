//! What a process sees of the broker: what it sends is under way for some time, arrives or not, and is answered or not.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::transport::Transport;
use super::broker::{Broker, Place, stream_of};
use super::history::Sent;
use super::planted::Bug;
use super::world::{ACKNOWLEDGED, Process};
use crate::bus::batch::{BatchAcked, NotTaken, Why};
use crate::bus::{Ack, Acked, StreamState, unavailable};
use crate::error::{Error, Result};
use crate::event::Outgoing;
use crate::simulation::Promise;

/// An event on its way to the broker, or several as one.
struct Flight {
    process: Process,
    events: Vec<Outgoing>,
    stream: String,
    /// The connection that it was sent on.
    link: u64,
    sent: Sent,
    tell: oneshot::Sender<Result<Vec<Ack>, NotTaken>>,
}

impl Flight {
    /// Is under way for some time, arrives or not, and is answered or not.
    async fn fly(self, until: Instant) {
        tokio::time::sleep_until(until).await;
        let frozen_until = self.process.world.broker().frozen_until;
        tokio::time::sleep_until(frozen_until).await;
        if self.process.connection() == self.link {
            self.arrive();
        }
    }

    fn arrive(self) {
        let Self { process, events, stream: name, link, sent, tell } = self;
        let world = &process.world;
        let stored = world.broker().take(&name, &events);
        match &stored {
            Ok(places) => {
                for (event, place) in events.iter().zip(places) {
                    process.note(|| format!("{name} has {} in place {place:?}", event.id.as_u128()));
                    if let Place::New(sequence) = place {
                        world.history().stored(world, &name, event, *sequence, &sent);
                    }
                }
            }
            Err(error) => {
                process.note(|| format!("{name} does not take {}: {error:?}", numbers(&events)));
                if world.broker().state(&name).is_none() {
                    process.state().known.retain(|known| *known != name);
                }
            }
        }
        if world.sim.chance(world.rates().unheard) {
            process.note(|| format!("does not hear of {}", numbers(&events)));
            return;
        }
        let believes = world.has(Bug::BelievesEverything);
        let ack = |place: &Place| match place {
            Place::New(sequence) => Ack { stream: name.clone(), sequence: as_u64(*sequence), duplicate: believes },
            Place::Known(sequence) => Ack { stream: name.clone(), sequence: as_u64(*sequence), duplicate: true },
        };
        let answer = stored.map(|places| places.iter().map(ack).collect());
        let heard = {
            let lag = process.lag_time();
            let mut state = process.state();
            state.heard = state.heard.max(Instant::now() + lag);
            state.heard
        };
        if heard <= Instant::now() {
            let _nobody_waits_any_more = tell.send(answer);
            return;
        }
        tokio::spawn(async move {
            tokio::time::sleep_until(heard).await;
            // what is on its way back ends with the connection
            if process.connection() == link {
                let _nobody_waits_any_more = tell.send(answer);
            }
        });
    }
}

fn as_u64(sequence: i64) -> u64 {
    u64::try_from(sequence).unwrap_or(0)
}

fn numbers(events: &[Outgoing]) -> String {
    let numbers: Vec<String> = events.iter().map(|event| event.id.as_u128().to_string()).collect();
    numbers.join(", ")
}

/// Counts events that are on their way.
struct OnItsWay(Process, usize);

impl OnItsWay {
    fn new(process: &Process, events: usize) -> Self {
        let number = {
            let mut state = process.state();
            state.on_their_way += events;
            state.on_their_way
        };
        process.world.history().on_their_way(&process.world, number);
        Self(process.clone(), events)
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.state().on_their_way -= self.1;
    }
}

impl Process {
    /// Asks the broker something.
    async fn ask<R>(&self, what: &str, answer: impl FnOnce(&mut Broker) -> R + Send) -> Result<R> {
        self.awake().await;
        self.lag().await;
        let world = &self.world;
        let frozen_until = world.broker().frozen_until;
        if frozen_until > Instant::now() {
            tokio::time::sleep_until(frozen_until.min(Instant::now() + ACKNOWLEDGED)).await;
        }
        let heard =
            self.state().connected && frozen_until <= Instant::now() && !world.sim.chance(world.rates().unanswered);
        if !heard {
            self.note(|| format!("gets no answer: {what}"));
            world.sim.pause(0..=5_000).await;
            return Err(unavailable("the broker does not answer"));
        }
        let answer = answer(&mut world.broker());
        self.lag().await;
        Ok(answer)
    }
}

type Told = oneshot::Receiver<Result<Vec<Ack>, NotTaken>>;

/// Waits for the answer, until it is too late.
async fn hear(told: Told, late: Instant, gives_up: bool) -> Result<Vec<Ack>, NotTaken> {
    match tokio::time::timeout_at(late, told).await {
        Ok(Ok(answer)) => answer,
        _ if gives_up => {
            tokio::time::sleep_until(late).await;
            Err(NotTaken::Failed(Error::Timeout { what: "the acknowledgement of a published event" }))
        }
        _ => std::future::pending().await,
    }
}

impl Process {
    /// Sends an event, or several as one.
    async fn launch(&self, link: u64, events: &[&Outgoing]) -> Result<(Told, OnItsWay)> {
        let Some(first) = events.first() else { return Err(unavailable("there is nothing to send")) };
        self.prepare(first).await?;
        if Transport::link(self) != Some(link) {
            return Err(unavailable("the connection was lost"));
        }
        let (world, stream) = (&self.world, stream_of(&first.subject));
        let mut events: Vec<Outgoing> = events.iter().map(|event| (*event).clone()).collect();
        if events.iter().any(|event| stream_of(&event.subject) != stream) {
            world.sim.breaks(Promise::G1, "a batch has events of two streams");
        }
        let unaware = world.history().is_unaware(self.number(), &stream);
        let sent = Sent { losses: world.broker().losses(&stream), unaware };
        world.history().sent(self);
        if world.has(Bug::NewIds) {
            let mut state = self.state();
            for event in &mut events {
                if state.sent.contains(&event.id) {
                    event.id = world.history().new_id();
                } else {
                    state.sent.push(event.id);
                }
            }
        }
        self.note(|| format!("sends {}", numbers(&events)));
        let on_its_way = OnItsWay::new(self, events.len());
        let (tell, told) = oneshot::channel();
        let now = Instant::now();
        let arrival = {
            let rates = world.rates();
            let flight = match () {
                () if world.sim.chance(rates.very_late) => world.sim.among(1_000..=7_000),
                () if world.sim.chance(rates.late) => world.sim.among(1..=10),
                () => 0,
            };
            let mut state = self.state();
            state.arrival = state.arrival.max(now + Duration::from_millis(flight));
            state.arrival
        };
        let is_early = world.has(Bug::TrustsSending) || world.has(Bug::Overtakes);
        let is_there = arrival <= now && world.broker().frozen_until <= now && self.connection() > 0 && !is_early;
        let flight = Flight { process: self.clone(), events, stream, link: self.connection(), sent, tell };
        if is_there {
            flight.arrive();
        } else {
            tokio::spawn(flight.fly(arrival));
        }
        Ok((told, on_its_way))
    }
}

impl Transport for Process {
    fn is_local(&self) -> bool {
        false
    }

    fn link(&self) -> Option<u64> {
        if self.world.has(Bug::BelievesEverything) {
            // the client connects again by itself
            if self.connection() == 0 && self.world.broker().is_up() && self.is_routed() {
                self.connect();
            }
            return Some(1);
        }
        let state = self.state();
        state.connected.then_some(state.connections + state.repairs)
    }

    async fn open_link(&self) -> Result<u64> {
        self.awake().await;
        self.lag().await;
        if !self.world.broker().is_up() || !self.is_routed() {
            self.world.sim.pause(0..=3_000).await;
            return Err(unavailable("the broker cannot be reached"));
        }
        Ok(self.connect())
    }

    fn close_link(&self) {
        self.cut();
    }

    async fn prepare(&self, event: &Outgoing) -> Result<()> {
        let stream = stream_of(&event.subject);
        if self.state().known.contains(&stream) {
            return Ok(());
        }
        self.ask("make a stream", |broker| broker.make(&stream)).await?;
        self.state().known.push(stream);
        Ok(())
    }

    async fn send_on(&self, link: u64, event: &Outgoing) -> Result<Acked> {
        let world = &self.world;
        let (told, on_its_way) = self.launch(link, &[event]).await?;
        let stream = stream_of(&event.subject);
        if world.has(Bug::TrustsSending) {
            return Ok(Box::pin(async move {
                drop(on_its_way);
                Ok(Ack { stream, sequence: 0, duplicate: false })
            }));
        }
        let (late, waits) = (Instant::now() + ACKNOWLEDGED, !world.has(Bug::WaitsForEver));
        let drops = world.has(Bug::DropsFailed);
        Ok(Box::pin(async move {
            let _until_it_is_over = on_its_way;
            let acked = match hear(told, late, waits).await {
                Ok(mut acks) => acks.pop().ok_or_else(|| unavailable("there is no answer")),
                Err(NotTaken::Failed(error)) => Err(error),
                Err(NotTaken::Singly(why)) => Err(unavailable(why.as_str())),
            };
            if drops { acked.or(Ok(Ack { stream, sequence: 0, duplicate: false })) } else { acked }
        }))
    }

    fn batches(&self) -> bool {
        self.world.batches
    }

    async fn send_batch_on(&self, link: u64, events: &[&Outgoing]) -> Result<BatchAcked, NotTaken> {
        if events.len() > self.world.most {
            return Err(NotTaken::Singly(Why::TooMany));
        }
        let (told, on_its_way) = self.launch(link, events).await.map_err(NotTaken::Failed)?;
        let late = Instant::now() + ACKNOWLEDGED;
        Ok(Box::pin(async move {
            let _until_it_is_over = on_its_way;
            hear(told, late, true).await
        }))
    }

    async fn stream_state(&self, stream: &str) -> Result<Option<StreamState>> {
        let state = self.ask("what a stream is like", |broker| broker.state(stream)).await?;
        if state.is_none() {
            self.state().known.clear();
        }
        self.world.history().looked(self.number(), stream);
        self.note(|| format!("sees of {stream}: {state:?}"));
        Ok(state)
    }

    async fn stored_id(&self, stream: &str, sequence: i64) -> Result<Option<String>> {
        let id = |broker: &mut Broker| broker.stored_id(stream, sequence);
        let id: Option<String> = self.ask("what is in a place", id).await??;
        self.note(|| format!("sees in place {sequence} of {stream}: {id:?}"));
        Ok(id)
    }

    fn may_read(&self) -> bool {
        true
    }

    async fn nudge(&self, _token: &str) {}

    async fn nudges(&self, _token: &str) -> BoxStream<'static, ()> {
        futures_util::stream::empty().boxed()
    }
}
