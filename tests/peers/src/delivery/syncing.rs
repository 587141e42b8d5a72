//! The relay, where the server syncs its disk before it acknowledges.

use async_nats::jetstream::{self, message::PublishMessage};

use super::contest::{Contest, Goal};
use super::meter::{Sample, timed};
use super::place::Place;
use super::relay::{self, message, publish};
use super::vocabulary::VitalsMeasured;

const ONE_BY_ONE: usize = 0;
const AT_ONCE: usize = 1;
const IN_BATCHES: usize = 3;

/// The relay with single events and with batches, against the broker's side of it.
#[derive(Default)]
pub struct Syncing {
    jetstream: Option<jetstream::Context>,
    messages: Vec<(String, PublishMessage)>,
}

impl Contest for Syncing {
    const WORD: &'static str = "syncing";
    const TITLE: &'static str = "events that wait in the outbox, published to a JetStream with `sync_interval: always`";
    const WAYS: &'static [&'static str] = &[
        "async-nats from memory, one by one",
        "async-nats from memory, window of 64",
        "shared, from Postgres, single events",
        "shared, from Postgres, `NATS_SYNC_ALWAYS`",
    ];
    const GOALS: &'static [Goal] = &[Goal { way: IN_BATCHES, base: ONE_BY_ONE, at_least: 2.0 }];
    const EVENTS: usize = 10_000;
    const COUNTED: usize = 5_000;

    async fn before(&mut self, place: &mut Place, way: usize, events: usize) {
        place.clear_stream().await;
        place.make_stream().await;
        if way > AT_ONCE {
            relay::fill(place, events).await;
        }
    }

    async fn ready(&mut self, place: &Place, way: usize, events: usize) {
        self.jetstream = Some(place.jetstream().await);
        let sealed = (0..if way > AT_ONCE { 0 } else { events }).map(|n| VitalsMeasured::number(n).sealed());
        self.messages = sealed.map(message).collect();
    }

    async fn run(&mut self, place: &Place, way: usize, events: usize) -> Sample {
        let jetstream = self.jetstream.take().expect("it is ready");
        if way > AT_ONCE {
            let mut config = place.config();
            config.nats_sync_always = way == IN_BATCHES;
            return relay::relayed(&jetstream, &config, events).await;
        }
        let messages = std::mem::take(&mut self.messages);
        let window = if way == ONE_BY_ONE { 1 } else { 64 };
        timed(events, publish(&jetstream, window, messages.into_iter().take(events))).await
    }
}
