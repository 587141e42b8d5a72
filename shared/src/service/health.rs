//! How subscriptions are doing: for health endpoints and for operators.

use std::sync::Arc;
use std::time::Duration;

use super::claims::Post;
use super::handle::Subscription;
use super::running::Running;

/// How a subscription, or a part of one, is doing in this process; see [`Running::subscriptions`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionHealth {
    /// The durable name: `{service}_{handler}`, with the part behind it if it is parted.
    pub name: String,
    /// What it does.
    pub state: SubscriptionState,
}

/// What a subscription does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// It handles events.
    Active,
    /// Another process handles them, and this one takes over when that one ends.
    StandingBy,
    /// It has stopped for the moment, because something that it needs is away, and tries again now and then.
    Paused {
        /// What is away: `the database`, or as the handler's [`Error::unavailable`](crate::Error::unavailable) names it.
        missing: String,
        /// For how long.
        lasting: Duration,
    },
}

/// What is known of a subscription that runs.
pub(super) struct Watched {
    pub(super) name: String,
    pub(super) subscription: Arc<Subscription>,
    pub(super) post: Option<Arc<Post>>,
}

impl Running {
    /// How the subscriptions of this process are doing. One that is paused makes the service degraded.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # #[cfg(feature = "sqlite")] {
    /// use shared::prelude::*;
    /// use shared::service::SubscriptionState;
    /// use shared::testing::TestService;
    ///
    /// let service = TestService::start([Service::new("empty")]).await?;
    /// let paused = service.running().subscriptions().into_iter();
    /// let paused: Vec<_> = paused.filter(|it| matches!(it.state, SubscriptionState::Paused { .. })).collect();
    /// assert!(paused.is_empty(), "degraded: {paused:?}");
    /// # }
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn subscriptions(&self) -> Vec<SubscriptionHealth> {
        let health = |it: &Watched| SubscriptionHealth { name: it.name.clone(), state: it.state() };
        self.watched().iter().map(health).collect()
    }
}

impl Watched {
    fn state(&self) -> SubscriptionState {
        if self.post.as_ref().is_some_and(|post| !post.is_held()) {
            return SubscriptionState::StandingBy;
        }
        match self.subscription.breaker.outage() {
            None => SubscriptionState::Active,
            Some(outage) => {
                SubscriptionState::Paused { missing: outage.what.into_owned(), lasting: outage.since.elapsed() }
            }
        }
    }
}
