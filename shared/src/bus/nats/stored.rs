//! What the server has stored, for comparing it with what it has acknowledged.

use async_nats::HeaderMap;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{GetStreamErrorKind, RequestError, RequestErrorKind};
use async_nats::jetstream::stream::{RawMessageError, RawMessageErrorKind};

use super::super::StreamState;
use super::{NatsBus, unavailable};
use crate::error::Result;

impl NatsBus {
    pub(in crate::bus) async fn stream_state(&self, stream: &str) -> Result<Option<StreamState>> {
        let found = match self.linked_context().get_stream(stream).await {
            Ok(found) => found,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(refusal) if refusal.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    // whoever publishes next makes it again
                    self.lock_streams().forget(None);
                    return Ok(None);
                }
                _ => return Err(unavailable(format!("the stream `{stream}` cannot be read"))),
            },
        };
        let info = found.cached_info();
        let position = |sequence| i64::try_from(sequence).unwrap_or(i64::MAX);
        Ok(Some(StreamState {
            created_ns: i64::try_from(info.created.unix_timestamp_nanos()).unwrap_or(i64::MAX),
            first: position(info.state.first_sequence),
            last: position(info.state.last_sequence),
        }))
    }

    pub(in crate::bus) async fn stored_id(&self, stream: &str, sequence: i64) -> Result<Option<String>> {
        let unreadable = || unavailable(format!("the messages of the stream `{stream}` cannot be read"));
        let handle = self.linked_context().get_stream_no_info(stream).await.map_err(|_| unreadable())?;
        let Ok(sequence) = u64::try_from(sequence) else { return Ok(None) };
        match handle.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(id(&message.headers).unwrap_or_default())),
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                _ => {
                    if is_unheard(&error) {
                        // as from an account that does not export it
                        self.note_refusal();
                    }
                    Err(unreadable())
                }
            },
        }
    }
}

/// Whether nobody listens to the question.
fn is_unheard(error: &RawMessageError) -> bool {
    let asked = std::error::Error::source(error).and_then(|source| source.downcast_ref::<RequestError>());
    asked.is_some_and(|asked| asked.kind() == RequestErrorKind::NoResponders)
}

fn id(headers: &HeaderMap) -> Option<String> {
    headers.get("Nats-Msg-Id").map(ToString::to_string)
}
