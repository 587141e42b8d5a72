//! Services of two releases run at the same time, and one of them does not know what the other one has added.

use shared::Config;
use shared::prelude::*;
use shared::{Result, Running};
use tests::{Nats, Postgres};

use crate::place::LONG;

#[derive(Debug, Clone, Entity)]
#[entity(table = "stays")]
struct Stay {
    #[entity(id)]
    id: Uuid,
    guest: i64,
    nights: i64,
    room: Option<String>,
}

async fn note(tx: &Tx, guest: i64, nights: i64, room: Option<String>) -> Result<()> {
    tx.repo::<Stay>().create(NewStay { guest, nights, room }).await.map(|_| ())
}

/// What was released first.
mod older {
    use super::*;

    /// A stay was booked.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(subject = "stay.booked", key = guest)]
    pub(super) struct StayBooked {
        pub(super) guest: i64,
        pub(super) nights: i64,
    }

    #[subscribe("stay.booked")]
    pub(super) async fn keep(event: StayBooked, tx: &mut Tx) -> Result<()> {
        note(tx, event.guest, event.nights, None).await
    }
}

/// A field more, which need not be there.
mod newer {
    use super::*;

    /// A stay was booked.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(subject = "stay.booked", key = guest)]
    pub(super) struct StayBooked {
        pub(super) guest: i64,
        pub(super) nights: i64,
        pub(super) room: Option<String>,
    }

    #[subscribe("stay.booked")]
    pub(super) async fn keep(event: StayBooked, tx: &mut Tx) -> Result<()> {
        note(tx, event.guest, event.nights, event.room).await
    }
}

/// Another version, which says how the older one becomes it.
mod newest {
    use super::*;

    /// A stay was booked, as it was said before.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(subject = "stay.booked", key = guest)]
    pub(super) struct StayBookedV1 {
        pub(super) guest: i64,
        pub(super) nights: i64,
        pub(super) room: Option<String>,
    }

    /// A stay was booked.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(subject = "stay.booked", key = guest, version = 2, upcast(from = StayBookedV1))]
    pub(super) struct StayBooked {
        pub(super) guest: i64,
        pub(super) hours: i64,
        pub(super) room: Option<String>,
    }

    impl From<StayBookedV1> for StayBooked {
        fn from(older: StayBookedV1) -> Self {
            Self { guest: older.guest, hours: 24 * older.nights, room: older.room }
        }
    }

    #[subscribe("stay.booked")]
    pub(super) async fn keep(event: StayBooked, tx: &mut Tx) -> Result<()> {
        note(tx, event.guest, event.hours / 24, event.room).await
    }
}

struct Hotel {
    config: Config,
    nats: Nats,
}

impl Hotel {
    async fn new() -> Self {
        let nats = Nats::start().await;
        let mut config = Config::embedded()
            .with_database_url(Postgres::shared().await.database().await)
            .with_nats_url(Some(nats.url()))
            .with_service("hotel");
        config.ack_wait = std::time::Duration::from_secs(2);
        Self { config, nats }
    }

    async fn start(&self, keep: [shared::service::Subscriber; 1]) -> Running {
        let service = Service::new("hotel").entities(entities![Stay]).subscribe(keep);
        shared::start(&self.config, [service]).await.expect("it starts")
    }
}

async fn stays(running: &Running) -> Vec<(i64, i64, Option<String>)> {
    running.settled(LONG).await.expect("everything is handled");
    let stays = running.db().repo::<Stay>().query().order_by(Stay::GUEST.asc()).all().await.expect("they can be read");
    stays.into_iter().map(|stay| (stay.guest, stay.nights, stay.room)).collect()
}

fn room() -> Option<String> {
    Some("12".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_field_is_ignored_by_the_older_and_missed_by_nobody() {
    let hotel = Hotel::new().await;
    let old = hotel.start(subscribers![older::keep]).await;
    old.bus().publish(newer::StayBooked { guest: 1, nights: 2, room: room() }).await.expect("it is published");
    assert_eq!(stays(&old).await, [(1, 2, None)]);
    old.shutdown().await.expect("it ends in time");

    let new = hotel.start(subscribers![newer::keep]).await;
    new.bus().publish(older::StayBooked { guest: 2, nights: 3 }).await.expect("it is published");
    new.bus().publish(newer::StayBooked { guest: 3, nights: 4, room: room() }).await.expect("it is published");
    assert_eq!(stays(&new).await, [(1, 2, None), (2, 3, None), (3, 4, room())]);
    assert_eq!(new.db().dead_letters().count().await.expect("it can be read"), 0);
    new.shutdown().await.expect("it ends in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_releases_share_a_subscription_while_one_replaces_the_other() {
    let hotel = Hotel::new().await;
    let (old, new) = (hotel.start(subscribers![older::keep]).await, hotel.start(subscribers![newer::keep]).await);
    for guest in 0..40 {
        let published = if guest % 2 == 0 {
            old.bus().publish(older::StayBooked { guest, nights: 1 }).await
        } else {
            new.bus().publish(newer::StayBooked { guest, nights: 1, room: room() }).await
        };
        published.expect("it is published");
    }
    old.shutdown().await.expect("it ends in time");
    let guests: Vec<i64> = stays(&new).await.into_iter().map(|(guest, ..)| guest).collect();
    assert_eq!(guests, (0..40).collect::<Vec<i64>>());
    assert_eq!(new.db().dead_letters().count().await.expect("it can be read"), 0);
    new.shutdown().await.expect("it ends in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_waits_as_a_dead_letter_for_a_release_that_knows_it() {
    let hotel = Hotel::new().await;
    let old = hotel.start(subscribers![newer::keep]).await;
    old.bus().publish(newest::StayBooked { guest: 1, hours: 48, room: room() }).await.expect("it is published");
    old.bus().publish(newer::StayBooked { guest: 2, nights: 3, room: None }).await.expect("it is published");
    assert_eq!(stays(&old).await, [(2, 3, None)]);
    let letters = old.db().dead_letters().list().await.expect("they can be read");
    assert_eq!((letters.len(), letters[0].reason.as_str()), (1, "newer_version"));
    old.shutdown().await.expect("it ends in time");

    let new = hotel.start(subscribers![newest::keep]).await;
    assert!(new.replay(letters[0].id).await.expect("it is there"), "it is handled now");
    new.bus().publish(older::StayBooked { guest: 3, nights: 1 }).await.expect("it is published");
    assert_eq!(stays(&new).await, [(1, 2, room()), (2, 3, None), (3, 1, None)]);
    assert_eq!(new.db().dead_letters().count().await.expect("it can be read"), 0);
    new.shutdown().await.expect("it ends in time");
    drop(hotel.nats);
}
