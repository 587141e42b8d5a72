//! Atomic batches of JetStream (ADR-50): messages that the server keeps aside until the last one, and then stores in
//! places of the stream that follow each other, or not at all.
//!
//! A server with `sync_interval: always` syncs its disk once for each message, and six times for a batch of any size.

use std::borrow::Cow;
use std::error::Error as _;

use async_nats::HeaderMap;
use async_nats::header::HeaderName;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, ErrorCode};

use super::super::batch::{BatchAcked, NotTaken, Why};
use super::{Ack, NatsBus};
use crate::event::{Outgoing, subject};

const ID: &str = "Nats-Batch-Id";
const SEQUENCE: &str = "Nats-Batch-Sequence";
const COMMIT: &str = "Nats-Batch-Commit";

/// The first version of the server that takes batches and knows repeated ids in them.
const SINCE: (i64, i64, i64) = (2, 12, 1);

/// Whether the server is new enough.
pub(super) fn are_known(client: &async_nats::Client) -> bool {
    let (major, minor, patch) = SINCE;
    client.is_server_compatible(major, minor, patch)
}

impl NatsBus {
    pub(in crate::bus) fn batches(&self) -> bool {
        self.inner.limits.batches()
    }

    pub(super) async fn send_batch_in(
        &self,
        context: &jetstream::Context,
        events: &[Cow<'_, Outgoing>],
    ) -> Result<BatchAcked, NotTaken> {
        let Some((last, others)) = events.split_last() else { return Ok(Box::pin(async { Ok(Vec::new()) })) };
        let domain = subject::domain(&last.subject);
        if !self.ensure_stream(domain).await.map_err(NotTaken::Failed)? {
            return Err(NotTaken::Singly(Why::NotAllowed));
        }
        let id = crate::id::new().simple().to_string();
        let headers = |event: &Outgoing, number: usize| {
            let mut headers = Self::headers(event);
            headers.insert(ID, id.as_str());
            headers.insert(SEQUENCE, number.to_string());
            headers
        };
        let client = context.client();
        // no answer is asked for but that to the last one, which speaks for all
        for (number, event) in (1..).zip(others) {
            let headers = headers(event, number);
            let sent = client.publish_with_headers(event.subject.clone(), headers, event.payload.clone());
            sent.await.map_err(|error| match error.kind() {
                async_nats::client::PublishErrorKind::MaxPayloadExceeded => NotTaken::Singly(Why::TooLarge),
                _ => NotTaken::Failed(super::unavailable("the NATS client does not send an event")),
            })?;
        }
        let mut headers = headers(last, events.len());
        headers.insert(COMMIT, "1");
        let publish = PublishMessage::build().headers(headers).payload(last.payload.clone());
        let sent = context.send_publish(last.subject.clone(), publish).await;
        let acked = sent.map_err(|error| self.not_taken(&error, last))?;
        let (bus, event, length) = (self.clone(), last.clone().into_owned(), events.len());
        Ok(Box::pin(async move {
            let ack = acked.await.map_err(|error| bus.not_taken(&error, &event))?;
            places(&ack, &id, length).ok_or(NotTaken::Singly(Why::NotAllowed))
        }))
    }

    fn not_taken(&self, error: &PublishError, event: &Outgoing) -> NotTaken {
        let refusal = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
        match (error.kind(), refusal.map(jetstream::Error::error_code)) {
            (PublishErrorKind::MaxPayloadExceeded, _) => NotTaken::Singly(Why::TooLarge),
            (_, Some(ErrorCode::ATOMIC_PUBLISH_TOO_LARGE_BATCH)) => NotTaken::Singly(Why::TooMany),
            (_, Some(ErrorCode::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE)) => NotTaken::Singly(Why::Repeated),
            (_, Some(ErrorCode::ATOMIC_PUBLISH_DISABLED)) => {
                // somebody has changed the stream, which is compared again
                self.lock_streams().there.remove(subject::domain(&event.subject));
                NotTaken::Singly(Why::NotAllowed)
            }
            (_, Some(ErrorCode::ATOMIC_PUBLISH_INCOMPLETE_BATCH | ErrorCode::ATOMIC_PUBLISH_TOO_MANY_INFLIGHT)) => {
                NotTaken::Singly(Why::GivenUp)
            }
            (_, Some(_)) => NotTaken::Singly(Why::Other),
            (kind, None) => NotTaken::Failed(self.failure(kind, event)),
        }
    }

    /// The headers of an event, with its id: the server drops a second message with the same one inside of its duplicate
    /// window.
    pub(super) fn headers(event: &Outgoing) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in event.headers.pairs() {
            match name {
                // without a copy
                Cow::Borrowed(name) => headers.insert(HeaderName::from_static(name), value),
                Cow::Owned(name) => headers.insert(name.as_str(), value),
            }
        }
        headers.insert("Nats-Msg-Id", event.id.to_string());
        headers
    }
}

/// The places of all messages of a batch: the acknowledgement has the last one. `None` when it is not that of a batch.
fn places(ack: &PublishAck, id: &str, length: usize) -> Option<Vec<Ack>> {
    let length = u64::try_from(length).ok()?;
    if ack.batch_id.as_deref() != Some(id) || ack.batch_size != Some(length) || ack.sequence < length {
        return None;
    }
    let places = ack.sequence - length + 1..=ack.sequence;
    Some(places.map(|sequence| Ack { stream: ack.stream.clone(), sequence, duplicate: false }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(sequence: u64, id: Option<&str>, size: Option<u64>) -> PublishAck {
        let (stream, batch_id) = ("NOTE".to_owned(), id.map(ToOwned::to_owned));
        PublishAck { stream, sequence, batch_id, batch_size: size, ..PublishAck::default() }
    }

    #[test]
    fn the_last_place_tells_all() {
        let places = places(&ack(7, Some("b"), Some(3)), "b", 3).unwrap();
        assert_eq!(places.iter().map(|ack| ack.sequence).collect::<Vec<_>>(), [5, 6, 7]);
        assert!(places.iter().all(|ack| ack.stream == "NOTE" && !ack.duplicate));
    }

    #[test]
    fn what_does_not_speak_of_the_batch_is_not_believed() {
        for ack in
            [ack(7, None, None), ack(7, Some("a"), Some(3)), ack(7, Some("b"), Some(2)), ack(2, Some("b"), Some(3))]
        {
            assert_eq!(places(&ack, "b", 3), None, "{ack:?}");
        }
    }
}
