//! One connection to the database, and fifty handlers that want it.

use std::time::Duration;

use shared::Config;
use shared::prelude::*;
use tests::{Nats, Postgres, eventually};

use crate::place::LONG;

const EVENTS: i64 = 400;

/// Somebody came in.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "guest.came", key = guest)]
struct GuestCame {
    guest: i64,
}

/// A guest was served.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "guest.served", key = guest)]
struct GuestServed {
    guest: i64,
}

#[derive(Debug, Clone, Entity)]
#[entity(table = "servings")]
struct Serving {
    #[entity(id)]
    id: Uuid,
    guest: i64,
}

#[subscribe("guest.came", concurrency = 50)]
async fn serve(event: GuestCame, tx: &mut Tx, db: &Db) -> Result<GuestServed> {
    tx.repo::<Serving>().create(NewServing { guest: event.guest }).await?;
    // asks for a second connection while it has the only one: it is told, and tries again without
    if event.guest == 7 && tx.repo::<Serving>().count().await? < EVENTS as u64 / 2 {
        db.repo::<Serving>().count().await?;
    }
    Ok(GuestServed { guest: event.guest })
}

#[subscribe("guest.served", concurrency = 50)]
async fn settle(event: GuestServed, tx: &mut Tx) -> Result<()> {
    tx.repo::<Serving>().create(NewServing { guest: -event.guest }).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_served_and_nobody_waits_for_ever() {
    let nats = Nats::start().await;
    let mut config = Config::embedded()
        .with_database_url(Postgres::shared().await.database().await)
        .with_nats_url(Some(nats.url()))
        .with_service("restaurant");
    config.database_max_connections = 1;
    config.database_acquire_timeout = Duration::from_secs(2);
    let service = Service::new("restaurant").entities(entities![Serving]).subscribe(subscribers![serve, settle]);
    let running = shared::start(&config, [service]).await.expect("it starts");
    let db = running.db();
    let commits: Vec<_> = (0..EVENTS).map(|guest| tokio::spawn(come(db.clone(), guest))).collect();
    for commit in commits {
        commit.await.expect("it does not panic");
    }
    // it asks the database as well, and has to wait as others have
    eventually(LONG, async || running.settled(Duration::from_secs(1)).await).await;
    assert_eq!(db.repo::<Serving>().count().await.expect("it can be read"), 2 * EVENTS as u64);
    assert_eq!(db.dead_letters().count().await.expect("it can be read"), 0);
    running.shutdown().await.expect("it ends in time");
}

/// Tries until there was a connection for it: whoever waits too long is told so.
async fn come(db: Db, guest: i64) {
    loop {
        match db.transaction(async |tx| tx.publish(GuestCame { guest }).await).await {
            Ok(_) => return,
            Err(Error::Busy { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}
