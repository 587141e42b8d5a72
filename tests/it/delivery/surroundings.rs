//! Where a case runs: a database and a bus of its own.

use std::time::Duration;

use async_nats::HeaderMap;
use shared::db::{DeadLetter, Engine};
use shared::event::Publish;
use shared::prelude::*;
use shared::{Config, Running};
use tests::{Nats, Postgres, Scratch, equal, eventually};

use crate::vocabulary::{Note, tables};

/// For conditions that hold within moments, on a machine that has other things to do.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// For a whole case: a hung one must not hang the others.
pub(crate) const CASE: Duration = Duration::from_secs(180);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Memory,
    File,
    Postgres,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    InProcess,
    Nats,
    /// A server that syncs its disk before it acknowledges, and gets batches.
    SyncingNats,
}

/// Makes a test of each case in each of its surroundings. `everywhere` means all of them, `lasting` those
/// whose database outlives the services, `on_nats` those with a server between the services, and `syncing` those whose
/// server gets batches.
macro_rules! cases {
    (
        everywhere: [$($everywhere:ident),* $(,)?],
        lasting: [$($lasting:ident),* $(,)?],
        on_nats: [$($on_nats:ident),* $(,)?],
        syncing: [$($syncing:ident),* $(,)?] $(,)?
    ) => {
        $crate::surroundings::cases! {
            everywhere: [$($everywhere),*],
            lasting: [$($lasting),*],
            on_nats: [$($on_nats),*],
        }
        #[cfg(all(feature = "postgres", feature = "nats"))]
        $crate::surroundings::cases!(@ postgres_and_syncing_nats, Postgres, SyncingNats, $($syncing),*);
    };
    (
        everywhere: [$($everywhere:ident),* $(,)?],
        lasting: [$($lasting:ident),* $(,)?],
        on_nats: [$($on_nats:ident),* $(,)?] $(,)?
    ) => {
        #[cfg(feature = "sqlite")]
        $crate::surroundings::cases!(@ memory, Memory, InProcess, $($everywhere),*);
        #[cfg(feature = "sqlite")]
        $crate::surroundings::cases!(@ file, File, InProcess, $($everywhere,)* $($lasting),*);
        #[cfg(feature = "postgres")]
        $crate::surroundings::cases!(@ postgres, Postgres, InProcess, $($everywhere,)* $($lasting),*);
        #[cfg(all(feature = "sqlite", feature = "nats"))]
        $crate::surroundings::cases!(@ file_and_nats, File, Nats, $($everywhere,)* $($lasting,)* $($on_nats),*);
        #[cfg(all(feature = "postgres", feature = "nats"))]
        $crate::surroundings::cases!(@ postgres_and_nats, Postgres, Nats, $($everywhere,)* $($lasting,)* $($on_nats),*);
    };
    (@ $place:ident, $database:ident, $transport:ident, $($case:ident),* $(,)?) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    use $crate::surroundings::{CASE, Database, Surroundings, Transport};
                    let place = Surroundings::new(Database::$database, Transport::$transport).await;
                    tokio::time::timeout(CASE, super::$case(place)).await.expect("the case ends in time");
                }
            )*
        }
    };
}
pub(crate) use cases;

/// A database and a bus, and the configuration that leads to them.
pub(crate) struct Surroundings {
    pub(crate) config: Config,
    database: Database,
    pub(crate) nats: Option<Nats>,
    _files: Scratch,
}

/// A message as some other program may have put it on the bus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Foreign {
    subject: String,
    headers: Vec<(String, String)>,
    payload: Vec<u8>,
}

impl Foreign {
    /// A message without headers.
    pub(crate) fn new(subject: &str, payload: impl AsRef<[u8]>) -> Self {
        Self { subject: subject.to_owned(), headers: Vec::new(), payload: payload.as_ref().to_vec() }
    }

    /// A CloudEvent in binary mode, of the type that its subject says.
    pub(crate) fn event(subject: &str, payload: impl AsRef<[u8]>) -> Self {
        Self::new(subject, payload)
            .header("ce-specversion", "1.0")
            .header("ce-id", &id::new().to_string())
            .header("ce-type", subject)
            .header("ce-source", "/elsewhere")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn id(self, id: &str) -> Self {
        self.header("ce-id", id)
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("ce-key", key)
    }
}

impl Surroundings {
    pub(crate) async fn new(database: Database, transport: Transport) -> Self {
        if std::env::var_os("RUST_LOG").is_some() {
            shared::log::init();
        }
        let files = Scratch::new("delivery");
        let url = match database {
            Database::Memory => "sqlite::memory:".to_owned(),
            Database::File => format!("sqlite://{}", files.join("delivery.db").display()),
            Database::Postgres => Postgres::shared().await.database().await,
        };
        let nats = match transport {
            Transport::InProcess => None,
            Transport::Nats => Some(Nats::start().await),
            Transport::SyncingNats => Some(Nats::start_syncing().await),
        };
        let mut config = Config::embedded()
            .with_database_url(url)
            .with_nats_url(nats.as_ref().map(Nats::url))
            .with_service("delivery");
        config.nats_sync_always = transport == Transport::SyncingNats;
        Self { config, database, nats, _files: files }
    }

    pub(crate) async fn start(&self, services: impl IntoIterator<Item = Service>) -> Running {
        shared::start(&self.config, services).await.expect("the services start")
    }

    /// A handle on the database beside that of the services, which they do not close.
    pub(crate) async fn db(&self) -> Db {
        assert_ne!(self.database, Database::Memory, "a database in memory has one handle");
        let db = Db::connect(&self.config.database_url).await.expect("the database is there").with_source("elsewhere");
        db.create_tables(&tables()).await.expect("tables are made");
        db
    }

    pub(crate) fn on_nats(&self) -> bool {
        self.nats.is_some()
    }

    /// A client of the server that knows nothing of this library.
    pub(crate) async fn client(&self) -> async_nats::Client {
        let nats = self.nats.as_ref().expect("these surroundings have NATS");
        async_nats::connect(nats.url()).await.expect("the server lets us in")
    }

    /// Puts messages on the bus as another program would, in this order. In-process there is no other
    /// program: there the messages lie in the outbox, as an older version may have left them.
    pub(crate) async fn put(&self, running: &Running, messages: &[Foreign]) {
        if !self.on_nats() {
            for message in messages {
                self.put_into_outbox(running.db(), message).await;
            }
            return;
        }
        let jetstream = async_nats::jetstream::new(self.client().await);
        for message in messages {
            let mut headers = HeaderMap::new();
            for (name, value) in &message.headers {
                headers.insert(name.as_str(), value.as_str());
            }
            jetstream
                .publish_with_headers(message.subject.clone(), headers, message.payload.clone().into())
                .await
                .expect("the message is sent")
                .await
                .expect("a stream takes the message");
        }
    }

    async fn put_into_outbox(&self, db: &Db, message: &Foreign) {
        let headers: serde_json::Map<String, serde_json::Value> =
            message.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let headers = serde_json::Value::Object(headers).to_string();
        let key = message.headers.iter().find(|(name, _)| name == "ce-key");
        let key = key.map(|(_, key)| key.clone());
        macro_rules! row {
            () => {
                "INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) \
                 VALUES ($1, $2, 'foreign', $3, $4, $5, $6)"
            };
        }
        macro_rules! insert {
            ($sql:expr, $pool:expr) => {
                sqlx::query($sql)
                    .bind(id::new())
                    .bind(&message.subject)
                    .bind(key)
                    .bind(headers)
                    .bind(&message.payload)
                    .bind(time::now())
                    .execute($pool.expect("the engine is known"))
                    .await
                    .map(|_| ())
            };
        }
        match db.engine() {
            #[cfg(feature = "postgres")]
            Engine::Postgres => {
                const INSERT: &str = concat!(
                    "WITH written AS (",
                    row!(),
                    " RETURNING seq) INSERT INTO shared_unpublished (seq) SELECT seq FROM written"
                );
                insert!(INSERT, db.postgres())
            }
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => insert!(row!(), db.sqlite()),
            #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
            engine => unreachable!("{engine} is not compiled in"),
        }
        .expect("the row is taken");
    }

    /// Delivers everything again that was ever published: what a relay does that died between publishing and
    /// noting it, once the broker has forgotten the ids.
    pub(crate) async fn deliver_all_again(&self, running: &Running) {
        if self.on_nats() {
            let jetstream = async_nats::jetstream::new(self.client().await);
            let mut stored = Vec::new();
            let stream = jetstream.get_stream("NOTE").await.expect("the stream is there");
            let last = stream.cached_info().state.last_sequence;
            for sequence in 1..=last {
                let message = stream.get_raw_message(sequence).await;
                stored.push(message.expect("the message is kept"));
            }
            for message in stored {
                let mut headers = message.headers.clone();
                // What the broker knows them by; it has forgotten it after its duplicate window.
                headers.insert(async_nats::header::NATS_MESSAGE_ID, id::new().to_string());
                jetstream
                    .publish_with_headers(message.subject.clone(), headers, message.payload)
                    .await
                    .expect("the message is sent")
                    .await
                    .expect("the stream takes the message");
            }
            return;
        }
        unmark_all(running.db()).await;
    }
}

/// Makes all published events unpublished, as when a relay dies before it has noted what it published.
pub(crate) async fn unmark_all(db: &Db) {
    macro_rules! unmark {
        ($sql:literal, $pool:expr) => {
            sqlx::query($sql).execute($pool.expect("the engine is known")).await.map(|_| ())
        };
    }
    match db.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => unmark!(
            "WITH gone AS (DELETE FROM shared_ledger RETURNING seqs) \
             INSERT INTO shared_unpublished (seq) SELECT UNNEST(seqs) FROM gone",
            db.postgres()
        ),
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => unmark!("UPDATE shared_outbox SET published_at = NULL", db.sqlite()),
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        engine => unreachable!("{engine} is not compiled in"),
    }
    .expect("the rows can be written");
}

/// Commits events in one transaction.
pub(crate) async fn commit<P: Publish + Send>(db: &Db, events: impl IntoIterator<Item = P>) {
    let events: Vec<P> = events.into_iter().collect();
    db.transaction(async |tx| {
        for event in &events {
            tx.publish(event).await?;
        }
        Ok(())
    })
    .await
    .expect("the events are committed");
}

pub(crate) async fn settle(running: &Running) {
    running.settled(SOON).await.expect("everything settles");
}

/// The numbers that a subscriber has kept, in the order of their rows.
pub(crate) async fn kept(db: &Db, subscriber: &str) -> Vec<i32> {
    let rows = db
        .repo::<Note>()
        .query()
        .filter(Note::SUBSCRIBER.eq(subscriber.to_owned()))
        .order_by(Note::NUMBER.asc())
        .unlimited()
        .all()
        .await
        .expect("the rows can be read");
    rows.into_iter().map(|row| row.number).collect()
}

pub(crate) async fn kept_soon(db: &Db, subscriber: &str, numbers: &[i32]) {
    eventually(SOON, async || equal(kept(db, subscriber).await, numbers)).await;
}

pub(crate) async fn letters(db: &Db) -> Vec<DeadLetter> {
    db.dead_letters().list().await.expect("they can be read")
}

pub(crate) async fn no_letters(db: &Db) {
    let letters = letters(db).await;
    assert!(letters.is_empty(), "{letters:?}");
}
