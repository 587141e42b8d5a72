//! The servers that everybody uses.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use async_nats::jetstream::{self, stream};
use shared::Config;
use shared::db::DbOptions;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tests::{Nats, Postgres};

/// The stream that `shared` makes for the events of this program, all of which begin with `vitals.`.
pub const STREAM: &str = "VITALS";

/// So many connections are enough for everybody.
pub const CONNECTIONS: u32 = 40;

/// The servers of the run that counts instructions.
const DATABASE: &str = "PEERS_DATABASE";
const NATS: &str = "PEERS_NATS";

/// A database and a broker.
pub struct Place {
    servers: Option<(Postgres, Nats)>,
    database: String,
    nats: String,
}

impl Place {
    pub async fn open() -> Self {
        Self::with(Nats::start().await).await
    }

    /// With a broker that syncs its disk before it acknowledges.
    pub async fn open_syncing() -> Self {
        Self::with(Nats::start_syncing().await).await
    }

    async fn with(nats: Nats) -> Self {
        let postgres = Postgres::start_durable().await;
        let (database, url) = (postgres.database().await, nats.url());
        Self { servers: Some((postgres, nats)), database, nats: url }
    }

    /// Where the program that started this one has put everything.
    pub fn given() -> Self {
        let variable = |name| env::var(name).expect("the program that counts instructions sets it");
        Self { servers: None, database: variable(DATABASE), nats: variable(NATS) }
    }

    /// What a program needs to find it.
    pub fn variables(&self) -> [(&'static str, &str); 2] {
        [(DATABASE, &self.database), (NATS, &self.nats)]
    }

    pub fn broker(&mut self) -> &mut Nats {
        let (_, nats) = self.servers.as_mut().expect("this program has started it");
        nats
    }

    /// An empty database instead of the one before.
    pub async fn renew_database(&mut self) {
        let (postgres, _) = self.servers.as_ref().expect("this program has started it");
        self.database = postgres.database().await;
    }

    pub fn nats_url(&self) -> &str {
        &self.nats
    }

    pub fn config(&self) -> Config {
        let mut config = Config::embedded()
            .with_database_url(&self.database)
            .with_nats_url(Some(self.nats.clone()))
            .with_service("ward");
        config.database_max_connections = CONNECTIONS;
        config
    }

    pub async fn db(&self) -> shared::Db {
        DbOptions::from_config(&self.config()).connect().await.expect("the database is there")
    }

    /// Connections for what is done by hand, which are not asked whether they are alive each time.
    pub async fn pool(&self) -> PgPool {
        let options = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
        options.connect(&self.database).await.expect("the database is there")
    }

    pub async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(&self.nats).await.expect("the broker is there"))
    }

    /// Removes the stream, so that whoever comes next makes an empty one.
    pub async fn clear_stream(&self) {
        let jetstream = self.jetstream().await;
        let _was_there = jetstream.delete_stream(STREAM).await;
    }

    /// The stream as `shared` declares it.
    pub async fn make_stream(&self) -> stream::Stream {
        let bus = shared::Bus::connect(&self.nats).await.expect("the broker is there");
        let first = serde_json::json!({});
        bus.publish_raw("vitals.first", "vitals.first", &first).await.expect("it is stored");
        let stream = self.jetstream().await.get_stream(STREAM).await.expect("the stream was made");
        stream.purge().await.expect("it can be emptied");
        stream
    }
}

/// A name that nobody else has.
pub fn fresh(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{what}{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
