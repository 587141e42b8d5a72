//! A value that is in every column shows in no error and in no log, whatever goes wrong.
//!
//! A program of its own: everything that it logs, down to `trace`, is looked through.

// Each case is there whatever `shared` is built with; which of them run depends on it.
#![cfg_attr(not(all(feature = "sqlite", feature = "postgres")), allow(dead_code, unused_imports))]

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use shared::db::{DbOptions, Engine, Isolation, TxOptions};
use shared::entity::Json;
use shared::error::ErrorKind;
use shared::prelude::*;
use tests::Scratch;

/// What is in every column.
const SENTINEL: &str = "SENTINEL7f3a";

/// Everything logged so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The log of this program.
    fn of_everything() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let log = LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            let everything = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(move || writer.clone());
            everything.init();
            log
        });
        log.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The sentinel in all forms in which bytes are printed.
fn forms() -> Vec<String> {
    let bytes = SENTINEL.as_bytes();
    let list = |form: fn(&u8) -> String| bytes.iter().map(form).collect::<Vec<_>>();
    vec![
        SENTINEL.to_owned(),
        SENTINEL.to_lowercase(),
        list(|byte| format!("{byte:02x}")).concat(),
        list(|byte| format!("{byte:02X}")).concat(),
        list(|byte| byte.to_string()).join(", "),
        NUMBER.to_string(),
    ]
}

const NUMBER: i64 = 7_318_254_691_837;

#[track_caller]
fn clean(what: &str, text: &str) {
    for form in forms() {
        if let Some(at) = text.find(&form) {
            let (from, to) = (text[..at].rfind('\n').map_or(0, |at| at + 1), (at + 200).min(text.len()));
            panic!("{what} shows the sentinel: {}", String::from_utf8_lossy(&text.as_bytes()[from..to]));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
enum State {
    Open,
    Closed,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "secrets", unique(phi, where(state = State::Open)))]
struct Secret {
    #[entity(id)]
    id: Uuid,
    #[entity(unique)]
    text: String,
    phi: Phi<String>,
    #[validate(length(max = 40))]
    note: Option<Phi<String>>,
    json: Json<Vec<String>>,
    bytes: Vec<u8>,
    number: i64,
    state: State,
    #[entity(references(Secret))]
    parent: Option<Uuid>,
    #[entity(version)]
    version: i64,
}

/// A new secret; those of different numbers do not clash.
fn secret(number: u32) -> NewSecret {
    NewSecret {
        text: format!("{SENTINEL} {number}"),
        phi: Phi::new(format!("{SENTINEL} {number}")),
        note: Some(Phi::new(SENTINEL.to_owned())),
        json: Json(vec![SENTINEL.to_owned()]),
        bytes: SENTINEL.as_bytes().to_vec(),
        number: NUMBER,
        state: State::Open,
        parent: None,
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "secret.told")]
struct Told {
    text: String,
}

/// The same table under other declarations, to have the engine refuse or the reader fail.
mod elsewhere {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
    pub(super) enum Text {
        Known,
    }

    #[derive(Debug, Entity)]
    #[entity(table = "secrets")]
    pub(super) struct Misread {
        #[entity(id)]
        pub(super) id: Uuid,
        pub(super) text: Text,
    }

    #[derive(Debug, Entity)]
    #[entity(table = "secrets")]
    pub(super) struct MisreadJson {
        #[entity(id)]
        pub(super) id: Uuid,
        pub(super) json: Json<i32>,
    }

    #[derive(Debug, Entity)]
    #[entity(table = "no_such_table")]
    pub(super) struct Nowhere {
        #[entity(id)]
        pub(super) id: Uuid,
        pub(super) text: String,
    }

    #[derive(Debug, Entity)]
    #[entity(table = "secrets")]
    pub(super) struct Partly {
        #[entity(id)]
        pub(super) id: Uuid,
        pub(super) text: String,
        pub(super) phi: Phi<String>,
        pub(super) json: Json<Vec<String>>,
        pub(super) bytes: Vec<u8>,
        pub(super) number: Option<i64>,
        pub(super) state: State,
        pub(super) version: i64,
    }
}

async fn execute(db: &Db, sql: &'static str) -> Result<()> {
    match db.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => {
            sqlx::raw_sql(sql).execute(db.postgres().expect("it is Postgres")).await?;
        }
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => {
            sqlx::raw_sql(sql).execute(db.sqlite().expect("it is SQLite")).await?;
        }
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        engine => unreachable!("{engine} is not compiled in"),
    }
    Ok(())
}

/// Every error, of which kind it must be, and of which entity and fields.
struct Errors(Vec<ErrorKind>);

impl Errors {
    #[track_caller]
    fn expect<T>(&mut self, result: Result<T>, kind: ErrorKind, names: &[&str]) {
        let Err(error) = result else { panic!("it is no {kind:?}") };
        let mut texts =
            vec![error.to_string(), format!("{error:?}"), format!("{error:#?}"), error.report().to_string()];
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            texts.extend([error.to_string(), format!("{error:?}")]);
            cause = error.source();
        }
        assert_eq!(error.kind(), kind, "{error:?}");
        for name in names {
            assert!(texts[0].contains(name), "{name} is not in {}", texts[0]);
        }
        for text in texts {
            clean(&format!("{kind:?}"), &text);
        }
        self.0.push(kind);
        // as an application would
        tracing::error!(error = error.report(), debug = ?error, "it failed");
    }
}

/// What goes wrong on each engine alike.
async fn everything_goes_wrong(db: &Db, errors: &mut Errors) -> Result<()> {
    db.create_tables(&entities![Secret]).await?;
    let secrets = db.repo::<Secret>();
    let first = secrets.create(secret(1)).await?;

    let same_text = NewSecret { text: secret(1).text, ..secret(2) };
    errors.expect(secrets.create(same_text).await, ErrorKind::Unique, &["`Secret`", "`text`"]);
    let partial = NewSecret { phi: secret(1).phi, ..secret(2) };
    errors.expect(secrets.create(partial).await, ErrorKind::Unique, &["`Secret`", "`phi`"]);
    // an index on an expression, which no declaration knows
    execute(db, "CREATE UNIQUE INDEX secrets_lower ON secrets (lower(text))").await?;
    let expression = NewSecret { text: secret(1).text.to_lowercase(), ..secret(2) };
    errors.expect(secrets.create(expression).await, ErrorKind::Unique, &["`Secret`", "`secrets_lower`"]);
    errors.expect(secrets.create_many(vec![secret(3), secret(3)]).await, ErrorKind::Unique, &["`Secret`"]);
    let orphan = NewSecret { parent: Some(Uuid::nil()), ..secret(4) };
    errors.expect(secrets.create(orphan).await, ErrorKind::ForeignKey, &["`Secret`", "`parent`"]);
    secrets.create(NewSecret { parent: Some(first.id), ..secret(5) }).await?;
    errors.expect(secrets.delete_by_id(first.id).await, ErrorKind::ForeignKey, &["`Secret`", "`parent`"]);

    let long = NewSecret { note: Some(Phi::new(SENTINEL.repeat(9))), ..secret(6) };
    errors.expect(secrets.create(long).await, ErrorKind::Invalid, &["/note"]);
    let nul = NewSecret { text: format!("{SENTINEL}\0"), ..secret(6) };
    errors.expect(secrets.create(nul).await, ErrorKind::Usage, &["U+0000"]);
    secrets.update(&first, SecretPatch::new().state(State::Closed)).await?;
    errors.expect(secrets.update(&first, SecretPatch::new().text(SENTINEL)).await, ErrorKind::Stale, &["`Secret`"]);
    errors.expect(secrets.get(Uuid::nil()).await, ErrorKind::NotFound, &["`Secret`"]);

    // a required column that the program takes for optional, beside the others that hold the sentinel
    let partly = elsewhere::NewPartly {
        text: SENTINEL.to_owned(),
        phi: Phi::new(SENTINEL.to_owned()),
        json: Json(vec![SENTINEL.to_owned()]),
        bytes: SENTINEL.as_bytes().to_vec(),
        number: None,
        state: State::Open,
        version: 1,
    };
    errors.expect(db.repo::<elsewhere::Partly>().create(partly).await, ErrorKind::Required, &["`Partly`", "`number`"]);
    errors.expect(db.repo::<elsewhere::Misread>().query().all().await, ErrorKind::Decode, &["`Misread`", "/text"]);
    errors.expect(
        db.repo::<elsewhere::MisreadJson>().query().all().await,
        ErrorKind::Decode,
        &["`MisreadJson`", "/json"],
    );
    let nowhere = elsewhere::NewNowhere { text: SENTINEL.to_owned() };
    errors.expect(db.repo::<elsewhere::Nowhere>().create(nowhere).await, ErrorKind::Database, &["a table is missing"]);
    errors.expect(
        execute(db, "UPDATE secrets SET state = 'SENTINEL7f3a'").await,
        ErrorKind::Check,
        &["`secrets_state_check`"],
    );
    errors.expect(execute(db, "SELECT 'SENTINEL7f3a' FROMM nowhere").await, ErrorKind::Database, &[]);

    // in a transaction, with an event; filters, orders and texts that are looked for
    let failed = db.transaction(async |tx| {
        tx.publish(Told { text: SENTINEL.to_owned() }).await?;
        let found = tx.repo::<Secret>().query().filter(Secret::TEXT.starts_with(SENTINEL) & Secret::NUMBER.eq(NUMBER));
        assert_eq!(found.order_by(Secret::TEXT.asc()).all().await?.len(), 2);
        tx.repo::<Secret>().create(secret(5)).await
    });
    errors.expect(failed.await, ErrorKind::Unique, &["`Secret`"]);
    let read_only = TxOptions::new().isolation(Isolation::Serializable).read_only();
    let failed = db.transaction_with(read_only, async |tx| tx.repo::<Secret>().create(secret(7)).await);
    errors.expect(failed.await, ErrorKind::Usage, &["read-only"]);
    Ok(())
}

/// What the log must hold, so that its silence about values means something.
fn logged(log: &Log) {
    let text = log.text();
    clean("the log", &text);
    for part in ["slow statement", "entity=\"Secret\"", "INSERT INTO \\\"secrets\\\"", "it failed"] {
        assert!(text.contains(part), "{part} is not in the log");
    }
}

fn options(url: &str) -> DbOptions {
    DbOptions::new(url).slow_statement(Duration::ZERO).acquire_timeout(Duration::from_secs(3))
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let (log, scratch) = (Log::of_everything(), Scratch::new("leaks"));
    let url = format!("sqlite://{}", scratch.join("leaks.db").display());
    let mut errors = Errors(Vec::new());
    for url in [url.as_str(), "sqlite::memory:"] {
        let db = options(url).connect().await.expect("the database is there");
        everything_goes_wrong(&db, &mut errors).await.unwrap_or_else(|error| panic!("{error:?}"));
        if url != "sqlite::memory:" {
            let other = options(url).connect().await.expect("the database is there");
            let held = other.transaction(async |tx| {
                tx.repo::<Secret>().create(secret(8)).await?;
                Ok(db.repo::<Secret>().create(secret(9)).await)
            });
            errors.expect(held.await.expect("it commits"), ErrorKind::Busy, &["the database file"]);
        }
        db.close().await;
        errors.expect(db.repo::<Secret>().create(secret(10)).await, ErrorKind::Unavailable, &["closed"]);
    }
    logged(&log);
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let (log, server) = (Log::of_everything(), tests::Postgres::shared().await);
    let (url, proxy) = (server.database().await, tests::Proxy::start(server.address()).await);
    let mut errors = Errors(Vec::new());
    let db = options(&url).connect().await.expect("the database is there");
    everything_goes_wrong(&db, &mut errors).await.unwrap_or_else(|error| panic!("{error:?}"));

    let one = options(&proxy.url(&url)).max_connections(1).statement_timeout(Duration::from_millis(300));
    let one = one.connect().await.expect("the database is there");
    let held = one.transaction(async |tx| {
        tx.repo::<Secret>().create(secret(8)).await?;
        // no connection is left, and the row is waited for
        errors.expect(one.repo::<Secret>().create(secret(9)).await, ErrorKind::Busy, &["the connection pool"]);
        let impatient = options(&url).statement_timeout(Duration::from_millis(300)).connect().await?;
        errors.expect(impatient.repo::<Secret>().create(secret(8)).await, ErrorKind::Timeout, &["the statement"]);
        Ok(())
    });
    held.await.expect("it commits");
    // two that exclude each other
    let serializable = TxOptions::new().isolation(Isolation::RepeatableRead);
    let lost = db.transaction_with(serializable, async |tx| {
        let seen = tx.repo::<Secret>().query().first().await?.expect("there is one");
        db.repo::<Secret>().update(&seen, SecretPatch::new().note(None)).await?;
        tx.repo::<Secret>().update(&seen, SecretPatch::new().text(SENTINEL)).await
    });
    errors.expect(lost.await, ErrorKind::Database, &["run it again", "40001"]);
    let silent = one.transaction(async |tx| {
        tx.repo::<Secret>().count().await?;
        proxy.half_open();
        tx.repo::<Secret>().create(secret(10)).await
    });
    errors.expect(silent.await, ErrorKind::Timeout, &["did not answer"]);
    let cut = one.transaction(async |tx| {
        tx.repo::<Secret>().count().await?;
        proxy.cut();
        tx.repo::<Secret>().create(secret(10)).await
    });
    errors.expect(cut.await, ErrorKind::Unavailable, &["postgres"]);
    db.close().await;
    errors.expect(db.repo::<Secret>().create(secret(10)).await, ErrorKind::Unavailable, &["closed"]);
    logged(&log);
}
