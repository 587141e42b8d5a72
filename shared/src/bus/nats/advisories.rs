//! A backstop: what the server gives up on is still handled.
//!
//! The consumers of this library have no limit of deliveries. Should somebody set one, or terminate a message, the server
//! says so once, to whoever listens, and never delivers the message again.

use std::sync::Arc;

use async_nats::jetstream::Context;
use async_nats::{Client, Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use serde::Deserialize;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::super::subscription::{Acker, Delivery};
use super::super::unavailable;
use super::repair::Origin;
use crate::error::Result;
use crate::event::{Delivered, Headers};

/// The events of a consumer that are listened for.
const EVENTS: [&str; 2] = ["MAX_DELIVERIES", "MSG_TERMINATED"];

/// What is told of one consumer. A process that stands by hears it too, and looks at it when its turn comes: the one that
/// had the message may be the one that is gone.
pub(super) type Advisories = Arc<Mutex<SelectAll<Subscriber>>>;

/// Listens, from before the first request for messages: in answer to one the server may give a message up.
pub(super) async fn listen(client: &Client, stream: &str, durable: &str) -> Result<Advisories> {
    let mut advisories = SelectAll::new();
    for event in EVENTS {
        let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.{event}.{stream}.{durable}");
        let subscriber = client.subscribe(subject).await;
        advisories.push(subscriber.map_err(|_| unavailable("advisories cannot be subscribed to"))?);
    }
    Ok(Arc::new(Mutex::new(advisories)))
}

#[derive(Deserialize)]
struct Advisory {
    stream: String,
    stream_seq: u64,
    #[serde(default)]
    deliveries: u32,
}

/// Hands over what the server has given up, until stopped.
pub(super) async fn run(origin: &Origin, sender: mpsc::Sender<Delivery>, stop: CancellationToken) {
    let hand_over = async {
        let mut advisories = origin.advisories.lock().await;
        while let Some(message) = advisories.next().await {
            let delivery = read(&origin.context, &origin.route.durable, &message).await;
            if let Some(delivery) = delivery
                && sender.send(delivery).await.is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = hand_over => {}
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
