//! Where a case runs: a database and a NATS server of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::prelude::*;
use shared::{Config, Running};
use tests::{Nats, Postgres, Scratch, equal, eventually};

use crate::vocabulary::{Mark, checking, counted};

/// For conditions that hold within moments, on a machine that has other things to do.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// For a whole case: a hung one must not hang the others.
pub(crate) const CASE: Duration = Duration::from_secs(240);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    File,
    Postgres,
}

/// Makes a test of each case on each database.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        #[cfg(feature = "sqlite")]
        mod file { $($crate::surroundings::cases!(@ File, $case);)* }
        #[cfg(feature = "postgres")]
        mod postgres { $($crate::surroundings::cases!(@ Postgres, $case);)* }
        $crate::surroundings::syncing_cases!($($case),*);
    };
    (@ $database:ident, $case:ident) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $case() {
            use $crate::surroundings::{CASE, Database, Surroundings};
            let place = Surroundings::new(Database::$database).await;
            tokio::time::timeout(CASE, super::$case(place)).await.expect("the case ends in time");
        }
    };
}
pub(crate) use cases;

/// Makes a test of each case with a server that syncs its disk before it acknowledges, which gets batches.
macro_rules! syncing_cases {
    ($($case:ident),* $(,)?) => {
        mod syncing {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    use $crate::surroundings::{CASE, Surroundings};
                    let place = Surroundings::syncing().await;
                    tokio::time::timeout(CASE, super::$case(place)).await.expect("the case ends in time");
                }
            )*
        }
    };
}
pub(crate) use syncing_cases;

/// A database and a server, and the configuration that leads to them.
pub(crate) struct Surroundings {
    pub(crate) config: Config,
    pub(crate) nats: Nats,
    _files: Scratch,
}

/// A message in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its place.
    pub(crate) sequence: u64,
    pub(crate) id: String,
    /// The batch that it came with.
    pub(crate) batch: Option<String>,
    pub(crate) topic: String,
    pub(crate) number: u32,
}

impl Surroundings {
    pub(crate) async fn new(database: Database) -> Self {
        Self::with(database, Nats::start().await).await
    }

    /// With a server that syncs its disk before it acknowledges.
    pub(crate) async fn syncing() -> Self {
        let database = if cfg!(feature = "postgres") { Database::Postgres } else { Database::File };
        let mut place = Self::with(database, Nats::start_syncing().await).await;
        place.config.nats_sync_always = true;
        place
    }

    pub(crate) async fn with(database: Database, nats: Nats) -> Self {
        if std::env::var_os("RUST_LOG").is_some() {
            shared::log::init();
        }
        let files = Scratch::new("relay");
        let url = match database {
            Database::File => format!("sqlite://{}", files.join("relay.db").display()),
            Database::Postgres => Postgres::shared().await.database().await,
        };
        let mut config =
            Config::embedded().with_database_url(url).with_nats_url(Some(nats.url())).with_service("relay");
        // what a dead process held comes again after that time
        config.ack_wait = Duration::from_secs(2);
        Self { config, nats, _files: files }
    }

    pub(crate) async fn start(&self, service: Service) -> Running {
        shared::start(&self.config, [service]).await.expect("the service starts")
    }

    /// A handle on the database beside that of the services, which they do not close.
    pub(crate) async fn db(&self) -> Db {
        let db = Db::connect(&self.config.database_url).await.expect("the database is there").with_source("elsewhere");
        db.create_tables(&entities![Mark]).await.expect("tables are made");
        db
    }

    pub(crate) async fn jetstream(&self) -> async_nats::jetstream::Context {
        let client = async_nats::connect(self.nats.url()).await.expect("the server lets us in");
        async_nats::jetstream::new(client)
    }

    /// Everything that the stream has of this suite's events, in its order.
    pub(crate) async fn stored(&self) -> Vec<Stored> {
        let jetstream = self.jetstream().await;
        // there is none as long as nothing was published
        let Ok(stream) = jetstream.get_stream("TALLY").await else { return Vec::new() };
        let state = &stream.cached_info().state;
        let mut stored = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            let Ok(message) = stream.get_raw_message(sequence).await else { continue };
            if message.subject.as_str() != "tally.counted" {
                continue;
            }
            let event: crate::vocabulary::Counted =
                serde_json::from_slice(&message.payload).expect("it is one of this suite's events");
            let header = |name: &str| message.headers.get(name).map(ToString::to_string);
            let (id, batch) = (header("Nats-Msg-Id").unwrap_or_default(), header("Nats-Batch-Id"));
            stored.push(Stored { sequence, id, batch, topic: event.topic, number: event.number });
        }
        stored
    }

    /// Proves that the server has all events with these numbers, under both topics, in order, and that whoever asks for
    /// them from the start handles each once.
    pub(crate) async fn all_is_there(&self, running: &Running, numbers: std::ops::RangeInclusive<u32>) {
        let expected: Vec<u32> = numbers.collect();
        let mut first_copies: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut seen = std::collections::HashSet::new();
        for message in self.stored().await {
            if seen.insert(message.id) {
                first_copies.entry(message.topic).or_default().push(message.number);
            }
        }
        for topic in TOPICS {
            assert_eq!(first_copies.get(topic), Some(&expected), "{topic} in the stream");
            assert_eq!(marks(running.db(), "early", topic).await, expected, "{topic} as it was handled");
        }
        let checking = self.start(checking()).await;
        settle(&checking).await;
        for topic in TOPICS {
            assert_eq!(marks(running.db(), "late", topic).await, expected, "{topic} for who comes late");
        }
        checking.shutdown().await.expect("it ends in time");
    }
}

/// The keys of this suite's events.
pub(crate) const TOPICS: [&str; 2] = ["a", "b"];

/// Commits events with these numbers under both topics, each in a transaction of its own.
pub(crate) async fn commit(db: &Db, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        for topic in TOPICS {
            let done = db.transaction(async |tx| tx.publish(counted(topic, number)).await).await;
            done.expect("the event is committed");
        }
    }
}

/// Commits events with these numbers under all these topics, in one transaction: they wait together.
pub(crate) async fn commit_at_once(db: &Db, topics: &[&str], numbers: std::ops::RangeInclusive<u32>) {
    let done = db.transaction(async |tx| {
        for number in numbers.clone() {
            for topic in topics {
                tx.publish(counted(topic, number)).await?;
            }
        }
        Ok(())
    });
    done.await.expect("the events are committed");
}

pub(crate) async fn settle(running: &Running) {
    running.settled(SOON).await.expect("everything settles");
}

/// The numbers that a subscriber has left, in the order in which it did.
pub(crate) async fn marks(db: &Db, subscriber: &str, topic: &str) -> Vec<u32> {
    let marks = db
        .repo::<Mark>()
        .query()
        .filter(Mark::SUBSCRIBER.eq(subscriber.to_owned()) & Mark::TOPIC.eq(topic.to_owned()))
        .order_by(Mark::ID.asc())
        .unlimited()
        .all()
        .await
        .expect("the rows can be read");
    marks.into_iter().map(|mark| mark.number.try_into().expect("it is positive")).collect()
}

/// Waits until a subscriber has handled these numbers, in this order.
pub(crate) async fn handled(db: &Db, topic: &str, numbers: std::ops::RangeInclusive<u32>) {
    let expected: Vec<u32> = numbers.collect();
    eventually(SOON, async || equal(marks(db, "early", topic).await, expected.clone())).await;
}
