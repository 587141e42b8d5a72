//! Nudges between processes: who commits an event, while another process publishes the outbox, says so by a message
//! without content. Nobody waits for it, and the relay finds what it misses by polling.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::store::Store;
use super::transport::Transport;

/// The shortest time between two nudges of one process; those in between become one.
const PAUSE: Duration = Duration::from_millis(5);

/// The nudges of the processes on one database.
pub(super) struct Nudges<S, T> {
    db: S,
    bus: T,
    /// What they call each other by, once it is known.
    token: Option<String>,
}

impl<S: Store, T: Transport> Nudges<S, T> {
    pub(super) fn new(db: &S, bus: &T) -> Self {
        Self { db: db.clone(), bus: bus.clone(), token: None }
    }

    async fn token(&mut self) -> Option<&str> {
        if self.token.is_none() {
            self.token = self.db.nudge_token().await.ok();
        }
        self.token.as_deref()
    }

    /// Passes the nudges of this process's transactions on, for as long as another process publishes.
    pub(super) async fn pass_on(&mut self) -> Infallible {
        let (db, bus) = (self.db.clone(), self.bus.clone());
        loop {
            db.nudged().await;
            if let Some(token) = self.token().await {
                bus.nudge(token).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The nudges of other processes; none without a server between them.
    pub(super) async fn of_others(&mut self) -> BoxStream<'static, ()> {
        let bus = self.bus.clone();
        match self.token().await {
            Some(token) => bus.nudges(token).await,
            None => futures_util::stream::empty().boxed(),
        }
    }
}
