//! What can go wrong, one at a time.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use tests::Signal;

use crate::place::LONG;
use crate::scene::Scene;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    ServiceKilled,
    ServiceAskedToEnd,
    ServiceFrozen,
    BrokerKilled,
    BrokerFrozen,
    BrokerRolledBack,
    DatabaseKilled,
    DatabaseStopped,
    DatabaseFrozen,
    LinksCut,
    LinksSilent,
    LinksHalfOpen,
    LinksSlow,
}

const ALL: [Strike; 13] = [
    Strike::ServiceKilled,
    Strike::ServiceAskedToEnd,
    Strike::ServiceFrozen,
    Strike::BrokerKilled,
    Strike::BrokerFrozen,
    Strike::BrokerRolledBack,
    Strike::DatabaseKilled,
    Strike::DatabaseStopped,
    Strike::DatabaseFrozen,
    Strike::LinksCut,
    Strike::LinksSilent,
    Strike::LinksHalfOpen,
    Strike::LinksSlow,
];

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Strike {
    pub(crate) fn choose(random: &mut Rng) -> Self {
        ALL[random.usize(..ALL.len())]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ServiceKilled => "service killed",
            Self::ServiceAskedToEnd => "service asked to end",
            Self::ServiceFrozen => "service frozen",
            Self::BrokerKilled => "broker killed",
            Self::BrokerFrozen => "broker frozen",
            Self::BrokerRolledBack => "broker rolled back",
            Self::DatabaseKilled => "database killed",
            Self::DatabaseStopped => "database stopped at once",
            Self::DatabaseFrozen => "database frozen",
            Self::LinksCut => "links cut",
            Self::LinksSilent => "links silent",
            Self::LinksHalfOpen => "links half open",
            Self::LinksSlow => "links slow",
        }
    }

    /// Lets it go wrong, and ends it.
    pub(crate) async fn carry_out(self, scene: &mut Scene, random: &mut Rng) {
        // how long it lasts: the fault itself
        let span = Duration::from_millis(random.u64(500..6_000));
        let one = random.usize(..scene.children());
        match self {
            Self::ServiceKilled => {
                scene.one(one).kill();
                scene.replace(one).await;
            }
            Self::ServiceAskedToEnd => {
                scene.one(one).signal(Signal::Term);
                scene.one(one).ended(LONG).await;
                scene.replace(one).await;
            }
            Self::ServiceFrozen => {
                scene.one(one).stop();
                tokio::time::sleep(span).await;
                scene.one(one).cont();
            }
            Self::BrokerKilled => {
                scene.nats.kill();
                tokio::time::sleep(span / 4).await;
                scene.nats.restart().await;
            }
            Self::BrokerFrozen => {
                scene.nats.stop();
                tokio::time::sleep(span).await;
                scene.nats.cont();
            }
            Self::BrokerRolledBack => scene.roll_back(span).await,
            Self::DatabaseKilled => {
                scene.postgres.kill();
                scene.postgres.restart().await;
            }
            Self::DatabaseStopped => {
                scene.postgres.stop_immediately().await;
                scene.postgres.restart().await;
            }
            Self::DatabaseFrozen => {
                scene.postgres.stop();
                tokio::time::sleep(span).await;
                scene.postgres.cont();
            }
            Self::LinksCut | Self::LinksSilent | Self::LinksHalfOpen | Self::LinksSlow => {
                self.strike_links(scene, random, span).await;
            }
        }
        scene.revive().await;
    }

    /// To the broker, to the database, or to both.
    async fn strike_links(self, scene: &Scene, random: &mut Rng, span: Duration) {
        let links = match random.u8(..3) {
            0 => vec![&scene.to_nats],
            1 => vec![&scene.to_postgres],
            _ => vec![&scene.to_nats, &scene.to_postgres],
        };
        for link in &links {
            match self {
                Self::LinksCut => link.cut(),
                Self::LinksSilent => link.blackhole(),
                Self::LinksHalfOpen => link.half_open(),
                _ => link.latency(Duration::from_millis(random.u64(5..50))),
            }
        }
        tokio::time::sleep(span).await;
        for link in links {
            link.heal();
        }
    }
}
