//! A backstop: what the server gives up on is still handled.
//!
//! The consumers of this library have no limit of deliveries. Should somebody set one, or terminate a message, the server
//! says so once, to whoever listens, and never delivers the message again.

use async_nats::jetstream::Context;
use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::subscription::{Acker, Delivery};
use super::repair::Origin;
use super::topology;
use crate::event::{Delivered, Headers};

/// The events of a consumer that are listened for.
const EVENTS: [&str; 2] = ["MAX_DELIVERIES", "MSG_TERMINATED"];

/// What is told of one consumer. Of all processes with this subscription one hears each event.
pub(super) async fn listen(origin: &Origin) -> Vec<Subscriber> {
    let Origin { client, domain, route, .. } = origin;
    let stream = topology::stream_name(domain);
    let mut subscribers = Vec::with_capacity(EVENTS.len());
    for event in EVENTS {
        let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.{event}.{stream}.{}", route.durable);
        match client.queue_subscribe(subject, route.durable.clone()).await {
            Ok(subscriber) => subscribers.push(subscriber),
            // only when the connection is closed for good
            Err(_) => tracing::warn!(subscription = %route.durable, "advisories of the server cannot be listened to"),
        }
    }
    subscribers
}

#[derive(Deserialize)]
struct Advisory {
    stream: String,
    stream_seq: u64,
    #[serde(default)]
    deliveries: u32,
}

/// Hands over what the server has given up, until stopped.
pub(super) async fn run(
    origin: &Origin,
    subscribers: Vec<Subscriber>,
    sender: mpsc::Sender<Delivery>,
    stop: CancellationToken,
) {
    let mut advisories = futures_util::stream::select_all(subscribers);
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => return,
            message = advisories.next() => message,
        };
        let Some(message) = message else { return };
        let delivery = tokio::select! {
            () = stop.cancelled() => return,
            delivery = read(&origin.context, &origin.route.durable, &message) => delivery,
        };
        if let Some(delivery) = delivery
            && sender.send(delivery).await.is_err()
        {
            return;
        }
    }
}

async fn read(context: &Context, durable: &str, message: &Message) -> Option<Delivery> {
    let Advisory { stream, stream_seq, deliveries } = serde_json::from_slice(&message.payload).ok()?;
    let stored = match context.get_stream_no_info(&stream).await {
        Ok(found) => found.get_raw_message(stream_seq).await.ok(),
        Err(_) => None,
    };
    let Some(stored) = stored else {
        tracing::error!(
            subscription = durable,
            stream,
            stream_seq,
            "the server gave up delivering a message, which is not in its stream any more"
        );
        return None;
    };
    tracing::error!(
        subscription = durable,
        stream,
        stream_seq,
        deliveries,
        "the server gave up delivering a message; it is handled nevertheless\nhelp: the consumer must have no `max_deliver`, and nobody else may terminate its messages"
    );
    let headers: Headers = stored
        .headers
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.as_str().to_owned())))
        .collect();
    let message = Delivered {
        subject: stored.subject.to_string(),
        headers,
        payload: Bytes::clone(&stored.payload),
        origin: format!("{stream}:{stream_seq}"),
    };
    Some(Delivery { message, deliveries: deliveries.max(1), acker: Acker::Spent, permit: None })
}
