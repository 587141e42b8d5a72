//! Services that run: started, watched, settled, shut down.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Service;
use super::breaker::Breaker;
use super::claims::{self, Post};
use super::dispatch::Stopping;
use super::duty::Duty;
use super::handle::{Subscription, Verdict};
use super::health::Watched;
use super::metrics::Metrics;
use super::pace::{self, Pace};
use super::relay;
use super::respond::Responder;
use super::retention::Retention;
use super::serve::{self, Endpoint};
use super::subscriber::{Spread, Subscriber, SubscriberSpec};
use crate::bus::{self, Bus, Part, Position, Requests, Route, Served, subscription::Probe};
use crate::config::Config;
use crate::db::{Db, DbOptions, DeadLetter, LetterFilter, schedule};
use crate::error::{Error, Result};
use crate::event::subject::pattern_defect;
use crate::time::Clock;

/// How long the relay and the connections may take to end, after the handlers.
const CLOSING: Duration = Duration::from_secs(5);

/// Services that run in this process. Dropping it cancels them at once; their transactions roll back and
/// their events come again. [`shutdown`](Self::shutdown) lets them finish.
pub struct Running {
    db: Db,
    bus: Bus,
    subscriptions: Vec<Arc<Subscription>>,
    probes: Vec<(String, Probe)>,
    watched: Vec<Watched>,
    dispatchers: JoinSet<usize>,
    relay: JoinSet<()>,
    counters: Arc<relay::Counters>,
    /// What shows whether a scheduled event is due, if not the system's clock.
    clock: Option<Clock>,
    /// What decides whose turn it is.
    keeper: JoinSet<()>,
    stop_dispatchers: CancellationToken,
    stop_keeper: CancellationToken,
    stop_relay: CancellationToken,
}

/// What became of dead letters that were replayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// Handled now.
    pub handled: u64,
    /// Parked again, as new letters.
    pub failed: u64,
    /// Left alone: their subscriptions do not run in this process.
    pub elsewhere: u64,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("db", &self.db).field("bus", &self.bus).finish_non_exhaustive()
    }
}

/// Starts services: connects, applies migrations, creates missing tables, compares them with the entities, opens
/// subscriptions, starts the relay.
///
/// # Errors
/// [`Error::Config`]: a server cannot be reached or is not what it should be; a migration fails; a table is not what its
/// entity declares; two subscriptions share a durable name; two event types share a subject or a name; a subscriber
/// takes a `State<T>` that was not given; another process runs on the same database, and without NATS neither would hear
/// of the other's events.
pub async fn start(config: &Config, services: impl IntoIterator<Item = Service>) -> Result<Running> {
    let services: Vec<Service> = services.into_iter().collect();
    check(&services)?;
    let db = DbOptions::from_config(config).connect().await?;
    let bus = Bus::from_config(config).await?;
    start_on(db, bus, config, services).await
}

/// Starts services on handles that are there already.
///
/// # Errors
/// See [`start`].
pub(crate) async fn start_on(db: Db, bus: Bus, config: &Config, services: Vec<Service>) -> Result<Running> {
    check(&services)?;
    let (db, bus) = shaped(db, bus, config, &services);
    // in-process nobody hears of what another process publishes
    let leadership = if bus.kind() == "local" { Some(relay::lead_alone(&db).await?) } else { None };
    super::tables::prepare(&db, config, &services).await?;
    let mut running = Running::idle(db.clone(), bus.clone());
    running.clock = services.iter().find_map(|service| service.clock.clone());
    let mut posts = Vec::new();
    for service in services {
        let name = service.name.clone();
        let endpoints = endpoints(&service, &db, &bus);
        let requests = open(&service, &bus).await?;
        for subscription in subscriptions(service, &db, &bus) {
            for duty in duties(&subscription, &bus, config).await? {
                running.probes.push((subscription.durable.clone(), duty.source.probe()));
                posts.extend(duty.post.clone());
                running.watched.push(duty.watched());
                let stopping = Stopping { stop: running.stop_dispatchers.clone(), grace: config.shutdown_timeout };
                running.dispatchers.spawn(duty.run(stopping));
            }
            running.subscriptions.push(subscription);
        }
        for (endpoint, requests) in endpoints.into_iter().zip(requests) {
            let stopping = Stopping { stop: running.stop_dispatchers.clone(), grace: config.shutdown_timeout };
            running.dispatchers.spawn(serve::run(Arc::new(endpoint), requests, stopping));
        }
        tracing::info!(service = %name, "started");
    }
    if !posts.is_empty() {
        running.keeper.spawn(claims::keep(db.clone(), posts, running.stop_keeper.clone()));
    }
    let kept = Retention::new(config, &bus.kept())?;
    // after all subscriptions are open: in-process, an event without subscribers counts as published
    let counters = Arc::clone(&running.counters);
    let (window, retention, clock) = (relay::WINDOW, config.outbox_retention, running.clock.clone());
    let setup = relay::Setup { db, bus, window, retention, kept, counters, clock };
    running.relay.spawn(relay::run(setup, running.stop_relay.clone(), leadership));
    Ok(running)
}

/// The routes of a subscriber: one, or one for each of its parts. In-process nothing is parted.
fn routes(durable: &str, subscriber: &Subscriber, parted: bool) -> Vec<Route> {
    let spec = subscriber.spec();
    let parts: Vec<Option<Part>> = match spec.spread {
        Spread::Partitions(of) if parted => (0..of.max(1)).map(|index| Some(Part { index, of: of.max(1) })).collect(),
        _ => vec![None],
    };
    let route = |part| Route {
        durable: durable.to_owned(),
        pattern: spec.pattern,
        domains: subscriber.domains(),
        capacity: capacity(spec),
        ordered: subscriber.is_ordered(),
        part,
    };
    parts.into_iter().map(route).collect()
}

/// The domains whose streams a service needs, and its subscriptions.
#[cfg(feature = "cli")]
pub(super) fn topology(service: &Service) -> (Vec<String>, Vec<Route>) {
    let routes: Vec<Route> = service
        .subscribers
        .iter()
        .flat_map(|subscriber| routes(&durable_name(&service.name, subscriber.spec().name), subscriber, true))
        .collect();
    let published = service.contract().publishes;
    let published = published.iter().map(|event| crate::event::subject::domain(event.subject).to_owned());
    let mut domains: Vec<String> =
        routes.iter().flat_map(|route| route.domains.iter().cloned()).chain(published).collect();
    domains.sort();
    domains.dedup();
    (domains, routes)
}

/// A service with its subscriptions ready to handle, but taking nothing: for replays.
#[cfg(feature = "cli")]
pub(crate) async fn prepare(config: &Config, service: Service) -> Result<Running> {
    check(std::slice::from_ref(&service))?;
    let db = DbOptions::from_config(config).connect().await?;
    let bus = Bus::from_config(config).await?;
    let (db, bus) = shaped(db, bus, config, std::slice::from_ref(&service));
    let mut running = Running::idle(db.clone(), bus.clone());
    running.subscriptions = subscriptions(service, &db, &bus);
    Ok(running)
}

/// The handles, writing events as the configuration and the services say.
fn shaped(db: Db, bus: Bus, config: &Config, services: &[Service]) -> (Db, Bus) {
    let shapes = services.iter().fold(config.event_shapes.clone(), |shapes, service| shapes.then(&service.shapes));
    (db.with_shapes(shapes.clone()), bus.with_shapes(shapes))
}

/// What the responders of a service need to answer.
fn endpoints(service: &Service, db: &Db, bus: &Bus) -> Vec<Endpoint> {
    let (db, bus) = (db.with_source(&service.name), bus.with_source(&service.name));
    let states = Arc::new(service.states.clone());
    let endpoint = |responder: &Responder| Endpoint {
        responder: responder.clone(),
        db: db.clone(),
        bus: bus.clone(),
        states: Arc::clone(&states),
        clock: service.clock.clone(),
    };
    service.responders.iter().map(endpoint).collect()
}

/// Opens the endpoints of a service; a service that answers nothing is not announced.
async fn open(service: &Service, bus: &Bus) -> Result<Vec<Requests>> {
    let endpoints: Vec<bus::Endpoint> = service
        .responders
        .iter()
        .map(|Responder { spec, .. }| bus::Endpoint { name: spec.name, subject: spec.subject, docs: spec.docs })
        .collect();
    if endpoints.is_empty() {
        return Ok(Vec::new());
    }
    bus.serve(&Served { name: &service.name, version: &service.version, docs: &service.docs, endpoints }).await
}

fn subscriptions(service: Service, db: &Db, bus: &Bus) -> Vec<Arc<Subscription>> {
    let (db, bus) = (db.with_source(&service.name), bus.with_source(&service.name));
    let states = Arc::new(service.states);
    service
        .subscribers
        .into_iter()
        .map(|subscriber| {
            Arc::new(Subscription {
                durable: durable_name(&service.name, subscriber.spec().name),
                db: db.clone(),
                bus: bus.clone(),
                states: Arc::clone(&states),
                clock: service.clock.clone(),
                breaker: Breaker::new(),
                pace: Pace::new(subscriber.spec().batch.map_or(pace::MOST, |batch| batch.max)),
                subscriber,
            })
        })
        .collect()
}

/// A subscription as this process runs it: in one piece, or in parts. On NATS other processes may run it too, so it
/// takes turns with them where the events of a key have an order.
async fn duties(subscription: &Arc<Subscription>, bus: &Bus, config: &Config) -> Result<Vec<Duty>> {
    let alone = bus.kind() == "local";
    let routes = routes(&subscription.durable, &subscription.subscriber, !alone);
    let mut duties = Vec::with_capacity(routes.len());
    for route in routes {
        let part = route.part;
        let group = part.map(|part| (route.durable.clone(), part));
        let post = (route.ordered && !alone).then(|| Post::new(route.consumer(), group));
        let source = bus.subscribe(route).await?;
        let subscription = Arc::clone(subscription);
        duties.push(Duty { subscription, part, source, post, ack_wait: config.ack_wait });
    }
    Ok(duties)
}

/// How many messages a subscription holds: room to look past keys that wait, and for the next batch, without holding
/// more than memory allows.
fn capacity(spec: &SubscriberSpec) -> usize {
    let batches = spec.batch.map_or(0, |batch| batch.max * 2);
    (spec.concurrency * 8).max(batches).clamp(64, 2_048)
}

/// Durable names may not contain dots, blanks or wildcards (NATS).
pub(super) fn durable_name(service: &str, handler: &str) -> String {
    format!("{service}_{handler}")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' })
        .collect()
}

/// What only the whole of the services shows.
pub(crate) fn check(services: &[Service]) -> Result<()> {
    let mut durables: HashMap<String, String> = HashMap::new();
    let mut responders: HashMap<&str, String> = HashMap::new();
    let mut types: HashMap<&str, &crate::event::EventInfo> = HashMap::new();
    let mut subjects: HashMap<&str, &crate::event::EventInfo> = HashMap::new();
    for service in services {
        if let Some(mistake) = service.mistakes.first() {
            return Err(Error::config(
                format!("service `{}`", service.name),
                mistake.clone(),
                "correct the declaration",
            ));
        }
        for responder in &service.responders {
            let spec = &responder.spec;
            let place = format!("{}:{}", spec.file, spec.line);
            (responder.check)(&service.states)?;
            if let Some(other) = responders.insert(spec.subject, place.clone()) {
                return Err(Error::config(
                    format!("query `{}`", spec.subject),
                    format!("two responders answer it: {other} and {place}"),
                    "remove one of them, or give its query another subject",
                ));
            }
        }
        for subscriber in &service.subscribers {
            let spec = subscriber.spec();
            let place = format!("{}:{}", spec.file, spec.line);
            let durable = durable_name(&service.name, spec.name);
            if let Some(other) = durables.insert(durable.clone(), place.clone()) {
                return Err(Error::config(
                    format!("subscription `{durable}`"),
                    format!("two subscribers have this durable name: {other} and {place}"),
                    "give one of them another name: `#[subscribe(\"…\", name = \"…\")]`",
                ));
            }
            check_pattern(subscriber, &durable, &place)?;
            check_inbox(subscriber, &durable, &place)?;
            (subscriber.check)(&service.states)?;
            for event in subscriber.events {
                for (map, key, what) in
                    [(&mut types, event.event_type, "type name"), (&mut subjects, event.subject, "subject")]
                {
                    let other = *map.entry(key).or_insert(event);
                    // one declaration expands to one place, whatever it is re-exported as
                    if (other.file, other.line, other.name) != (event.file, event.line, event.name) {
                        return Err(Error::config(
                            format!("event {what} `{key}`"),
                            format!(
                                "two event types have it: `{}` ({}:{}) and `{}` ({}:{})",
                                other.name, other.file, other.line, event.name, event.file, event.line
                            ),
                            "give one of them another subject, or use one type in both places",
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Checks what `#[subscribe]` has proven, for subscribers that were made without it.
fn check_pattern(subscriber: &Subscriber, durable: &str, place: &str) -> Result<()> {
    let pattern = subscriber.spec().pattern;
    let defect = match pattern_defect(pattern) {
        Some(defect) => format!("`{pattern}` ({place}) is no subject pattern: {defect}"),
        None if subscriber.domains().is_empty() => {
            format!("`{pattern}` ({place}) names no domain, and neither does its event, which has no type")
        }
        None => return Ok(()),
    };
    let help = "subscribe to a pattern that starts with a domain, such as `appointment.*`";
    Err(Error::config(format!("subscription `{durable}`"), defect, help))
}

/// The same for the inbox.
fn check_inbox(subscriber: &Subscriber, durable: &str, place: &str) -> Result<()> {
    let spec = subscriber.spec();
    if spec.inbox || spec.transactional || subscriber.publishes.is_empty() {
        return Ok(());
    }
    Err(Error::config(
        format!("subscription `{durable}`"),
        format!(
            "it is without the inbox ({place}), so what it returns would be published again whenever its event comes again"
        ),
        "leave `without_inbox()` out, or return nothing",
    ))
}

impl Running {
    fn idle(db: Db, bus: Bus) -> Self {
        Self {
            db,
            bus,
            subscriptions: Vec::new(),
            probes: Vec::new(),
            watched: Vec::new(),
            dispatchers: JoinSet::new(),
            relay: JoinSet::new(),
            counters: Arc::default(),
            clock: None,
            keeper: JoinSet::new(),
            stop_dispatchers: CancellationToken::new(),
            stop_keeper: CancellationToken::new(),
            stop_relay: CancellationToken::new(),
        }
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    pub(super) fn watched(&self) -> &[Watched] {
        &self.watched
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// How delivery is doing: what waits in the outbox, and what this process has published.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # #[cfg(feature = "sqlite")] {
    /// use shared::prelude::*;
    /// use shared::testing::TestService;
    ///
    /// let service = TestService::start([Service::new("empty")]).await?;
    /// let metrics = service.running().metrics().await?;
    /// assert_eq!((metrics.outbox.waiting, metrics.relay.published), (0, 0));
    /// # }
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Those of the database.
    pub async fn metrics(&self) -> Result<Metrics> {
        Metrics::read(&self.db, &self.counters).await
    }

    /// Waits until everything has settled: the outbox is empty and every subscription of this process has
    /// handled or parked all there is.
    ///
    /// # Errors
    /// [`Error::Timeout`] after `deadline`; what is still open is logged.
    pub async fn settled(&self, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        let mut pause = Duration::from_millis(2);
        loop {
            let open = self.open().await?;
            let Some(open) = open else { return Ok(()) };
            if Instant::now() >= until {
                tracing::error!(open, "not settled in time");
                return Err(Error::Timeout { what: "settling" });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// What is still open, in words; `None` when everything has settled.
    async fn open(&self) -> Result<Option<String>> {
        let outbox = self.db.outbox();
        let before = outbox.last().await?;
        let now = self.clock.as_ref().map_or_else(crate::time::now, Clock::now);
        if schedule::next(&self.db).await?.is_some_and(|next| next <= now) {
            return Ok(Some("scheduled events that are due".to_owned()));
        }
        let pending = outbox.pending().await?;
        if pending > 0 {
            return Ok(Some(format!("{pending} events in the outbox")));
        }
        let published: Vec<Position> = outbox
            .stream_positions()
            .await?
            .into_iter()
            .map(|(subject, stream, sequence)| Position {
                subject,
                stream,
                sequence: u64::try_from(sequence).unwrap_or(0),
            })
            .collect();
        for (durable, probe) in &self.probes {
            let open = probe.open(&published).await?;
            if open > 0 {
                return Ok(Some(format!("{open} events with `{durable}`")));
            }
        }
        // a handler that finished in between may have published
        let after = outbox.last().await?;
        Ok((after != before || outbox.pending().await? > 0).then(|| "new events".to_owned()))
    }

    /// Handles a dead letter again, in this process, by the subscription that parked it. Returns whether it
    /// was handled; otherwise it is a new dead letter, or waits (`false`).
    ///
    /// # Errors
    /// [`Error::NotFound`]: no such letter waits. [`Error::Usage`]: its subscription does not run in this process.
    pub async fn replay(&self, letter: Uuid) -> Result<bool> {
        let letters = self.db.dead_letters();
        let found = letters.find(letter).await?.ok_or(Error::NotFound { entity: "DeadLetter" })?;
        self.replay_letter(&found).await
    }

    /// Handles these dead letters again, oldest first, one after the other: those that wait now and whose subscription
    /// runs in this process. `progress` is told of each.
    ///
    /// # Errors
    /// Those of the database; some letters may have been replayed by then.
    pub async fn replay_all(
        &self,
        filter: &LetterFilter,
        mut progress: impl FnMut(&DeadLetter, bool),
    ) -> Result<Replayed> {
        let letters = self.db.dead_letters();
        // what fails again is parked later than this
        let now = crate::time::now();
        let filter = filter.clone().parked_before(filter.end().map_or(now, |end| end.min(now)));
        let mut replayed = Replayed::default();
        let mut page = letters.page(&filter, None).await?;
        while let Some(last) = page.last().cloned() {
            for letter in &page {
                if !self.subscriptions.iter().any(|subscription| subscription.durable == letter.subscription) {
                    replayed.elsewhere += 1;
                    continue;
                }
                let handled = match self.replay_letter(letter).await {
                    Ok(handled) => handled,
                    // somebody else was faster
                    Err(Error::NotFound { .. }) => continue,
                    Err(error) => return Err(error),
                };
                *(if handled { &mut replayed.handled } else { &mut replayed.failed }) += 1;
                progress(letter, handled);
            }
            page = letters.page(&filter, Some(&last)).await?;
        }
        Ok(replayed)
    }

    async fn replay_letter(&self, found: &DeadLetter) -> Result<bool> {
        let Some(subscription) = self.subscriptions.iter().find(|s| s.durable == found.subscription) else {
            return Err(Error::Usage(
                format!(
                    "the subscription `{}` does not run in this process; replay with the program of its service",
                    found.subscription
                )
                .into(),
            ));
        };
        let letters = self.db.dead_letters();
        let before = letters.of_event(&found.subscription, &found.event_id).await?;
        let message = found.message();
        let mut attempt = 1;
        loop {
            match subscription.handle(&message, attempt, Some(found.id), None).await {
                Verdict::Done => break,
                Verdict::Gone => return Err(Error::NotFound { entity: "DeadLetter" }),
                Verdict::Again { pause, counts } => {
                    attempt += u32::from(counts);
                    tokio::time::sleep(pause).await;
                }
            }
        }
        let now = letters.of_event(&found.subscription, &found.event_id).await?;
        Ok(now.iter().all(|letter| before.contains(letter)))
    }

    /// Waits until a subscription, the relay or the keeper of claims has ended, which they do only when stopped or when something is wrong.
    pub async fn ended(&mut self) {
        let what = tokio::select! {
            Some(_) = self.dispatchers.join_next() => "a subscription or responder",
            Some(_) = self.relay.join_next() => "the relay",
            Some(_) = self.keeper.join_next() => "the keeper of claims",
            else => return std::future::pending().await,
        };
        if !self.stop_dispatchers.is_cancelled() {
            tracing::error!("{what} has ended unexpectedly; shutting down");
        }
    }

    /// Stops taking events, lets handlers finish until the configured deadline, publishes what they left in the
    /// outbox as far as the bus takes it, and closes the connections. Nothing is lost: what did not finish comes
    /// again at the next start.
    ///
    /// # Errors
    /// [`Error::Timeout`] when handlers were cancelled at the deadline.
    pub async fn shutdown(mut self) -> Result<()> {
        self.stop_dispatchers.cancel();
        let mut unfinished = 0;
        while let Some(left) = self.dispatchers.join_next().await {
            unfinished += left.unwrap_or(0);
        }
        self.stop_keeper.cancel();
        self.stop_relay.cancel();
        let closing = async {
            while self.keeper.join_next().await.is_some() {}
            while self.relay.join_next().await.is_some() {}
            self.bus.flush().await;
            self.db.close().await;
        };
        if tokio::time::timeout(CLOSING, closing).await.is_err() {
            tracing::warn!("a connection is still in use; ending without waiting for it any longer");
        }
        tracing::info!(unfinished, "stopped");
        if unfinished > 0 { Err(Error::Timeout { what: "the shutdown (handlers were cancelled)" }) } else { Ok(()) }
    }
}
