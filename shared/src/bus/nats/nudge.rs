//! Messages without content that wake another process. They are in no stream: no event's subject begins with `$`.

use std::time::Duration;

use async_nats::connection::State;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::NatsBus;

/// How long the client may take to take one.
const SAY: Duration = Duration::from_millis(100);

fn subject(token: &str) -> String {
    format!("$SHARED.nudge.{token}")
}

impl NatsBus {
    pub(in crate::bus) async fn nudge(&self, token: &str) {
        // without a connection it would lie in the client's buffer
        if self.inner.client.connection_state() == State::Connected {
            let sent = self.inner.client.publish(subject(token), Bytes::new());
            let _polling_finds_the_event = tokio::time::timeout(SAY, sent).await;
        }
    }

    pub(in crate::bus) async fn nudges(&self, token: &str) -> BoxStream<'static, ()> {
        match self.inner.client.subscribe(subject(token)).await {
            Ok(messages) => messages.map(|_| ()).boxed(),
            Err(_) => futures_util::stream::empty().boxed(),
        }
    }
}
