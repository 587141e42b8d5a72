//! Behind PgBouncer in transaction mode, with fewer connections to the server than the pool has.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use shared::Config;
use shared::db::{DbOptions, Isolation, MigrationFile, Migrations, TxOptions};
use shared::prelude::*;
use tests::{PgBouncer, Postgres, eventually};

use crate::surroundings::{SOON, Thing, ThingPatch, clean, events, named, names, thing};

async fn behind(connections: u32) -> (PgBouncer, String) {
    let server = Postgres::shared().await;
    let bouncer = PgBouncer::start(server, connections).await;
    let url = bouncer.url(&server.database().await);
    (bouncer, url)
}

#[tokio::test]
async fn without_the_setting_the_variable_is_named() {
    let (_bouncer, url) = behind(2).await;
    let error = Db::connect(&url).await.expect_err("it refuses what it does not know").to_string();
    assert!(error.contains("help: ") && error.contains("DATABASE_PGBOUNCER=true"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_few_connections() {
    static FILES: &[MigrationFile] =
        &[MigrationFile { name: "0001_rooms.sql", sql: "CREATE TABLE rooms (name text NOT NULL)" }];
    let (_bouncer, url) = behind(2).await;
    let db = DbOptions::new(&url).pgbouncer(true).max_connections(20).connect().await.expect("the database is there");
    db.create_tables(&entities![Thing]).await.expect("tables are made");
    assert_eq!(db.migrate("one", &Migrations::embedded(FILES)).await.expect("it is applied"), ["0001_rooms.sql"]);
    assert_eq!(db.check_tables(&entities![Thing]).await.expect("they are compared"), []);
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            let db = db.clone();
            tokio::spawn(async move {
                for round in 0..10 {
                    let name = format!("{task:02} {round}");
                    let made = db.repo::<Thing>().create(thing(&name)).await?;
                    let changed = ThingPatch::new().name(format!("{name}!"));
                    let options = TxOptions::new().isolation(Isolation::RepeatableRead).retry(5);
                    db.transaction_with(options, async |tx| {
                        tx.repo::<Thing>().update(&made, changed.clone()).await?;
                        let twice =
                            tx.transaction(async |tx| tx.repo::<Thing>().create(thing(&format!("{name}!"))).await);
                        assert!(matches!(twice.await, Err(Error::Unique { .. })));
                        tx.publish(named(&name)).await
                    })
                    .await?;
                    assert_eq!(db.repo::<Thing>().get(made.id).await?.name, format!("{name}!"));
                    let all: Vec<Thing> = db.repo::<Thing>().query().stream().try_collect().await?;
                    assert!(all.len() > round);
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends").expect("every statement runs");
    }
    assert_eq!((names(&db).await.len(), events(&db).await.len()), (200, 200));
    clean(&db).await;
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "heard")]
struct Heard {
    #[entity(id)]
    id: Uuid,
    name: String,
}

#[subscribe("thing.named")]
async fn hear(event: crate::surroundings::Named, tx: &mut Tx) -> Result<()> {
    tx.repo::<Heard>().create(NewHeard { name: event.name }).await.map(|_| ())
}

/// The lock of the one who publishes is one of a transaction.
#[cfg(feature = "nats")]
#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_replicas_publishes_and_another_takes_over() {
    let ((_bouncer, url), nats) = (behind(5).await, tests::Nats::start().await);
    let mut config = Config::embedded().with_database_url(&url).with_nats_url(Some(nats.url()));
    config.database_pgbouncer = true;
    let service = || Service::new("listener").entities(entities![Heard]).subscribe(subscribers![hear]);
    let mut running = vec![
        shared::start(&config, [service()]).await.expect("it starts"),
        shared::start(&config, [service()]).await.expect("it starts"),
    ];
    for (round, name) in ["a", "b"].into_iter().enumerate() {
        let db = running[0].db().clone();
        db.transaction(async |tx| tx.publish(named(name)).await).await.expect("it commits");
        eventually(SOON, async || {
            let heard = db.repo::<Heard>().count().await.map_err(|error| error.to_string())?;
            if heard == round as u64 + 1 { Ok(()) } else { Err(format!("{heard} are heard")) }
        })
        .await;
        if round == 0 {
            running.remove(0).shutdown().await.expect("it stops");
        }
    }
    let settled = running[0].settled(Duration::from_secs(60)).await;
    settled.expect("nothing is left");
    for one in running {
        one.shutdown().await.expect("it stops");
    }
}
