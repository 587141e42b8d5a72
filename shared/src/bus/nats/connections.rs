//! Which of its connections a client has.

use std::sync::atomic::Ordering;

use async_nats::Client;
use async_nats::connection::State;
use tokio::sync::watch;

/// Knows when the client has connected again.
#[derive(Clone)]
pub(super) struct Connections {
    client: Client,
    /// Changes a moment after each connection.
    news: watch::Receiver<()>,
}

impl Connections {
    pub(super) fn new(client: &Client, news: watch::Receiver<()>) -> Self {
        Self { client: client.clone(), news }
    }

    /// The number of the connection that takes what is given to the client now.
    fn number(&self) -> u64 {
        let number = self.client.statistics().connects.load(Ordering::Acquire);
        // without one, the client keeps it for the next
        number + u64::from(self.client.connection_state() != State::Connected)
    }

    /// Waits until what is given to the client now has been lost with its connection.
    pub(super) fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        let (mut this, number) = (self.clone(), self.number());
        async move {
            while this.number() <= number {
                if this.news.changed().await.is_err() {
                    // the client has ended
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}
