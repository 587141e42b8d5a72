//! The wall clock jumps by an hour, forwards and backwards, of a service and of the database.
//!
//! The broker's stays right: its program does not ask the C library. What it would do after a jump, deliver again and
//! forget the ids that it knows, is what other tests let it do.

use std::time::Duration;

use tests::{Nats, Postgres, WallClock};

use crate::child::Child;
use crate::place::{BOTH, Place};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn order_and_leases_are_unaffected() {
    let (here, there) = (WallClock::new(), WallClock::new());
    let (postgres, nats) = (Postgres::start_by(&there).await, Nats::start().await);
    let place = Place::on(&postgres, &nats).await;
    // writes, too: what it makes has the times and the ids of its clock
    let child = Child::ready(here.of(place.writing_child(BOTH, 2))).await;
    let standing_by = place.serve().await;
    let writers = place.writers(2);
    place.handled(30).await;
    for clock in [&here, &there] {
        clock.ahead(HOUR);
        place.handled(60).await;
        clock.behind(HOUR);
        place.handled(60).await;
        clock.ahead(Duration::ZERO);
        place.handled(60).await;
    }
    // the one that stood by takes over at another time of day
    here.behind(HOUR);
    there.ahead(HOUR);
    place.handled(30).await;
    child.kill();
    place.handled(30).await;
    writers.stop().await;
    place.holds_and_ends([standing_by]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_the_child_is_the_one_that_jumps() {
    let clock = WallClock::new();
    clock.ahead(HOUR);
    let postgres = Postgres::start_by(&clock).await;
    let db = shared::Db::connect(&postgres.url()).await.expect("it is there");
    let pool = db.postgres().expect("it is Postgres");
    let now: shared::prelude::DateTime<shared::prelude::Utc> =
        sqlx::query_scalar("SELECT now()").fetch_one(pool).await.expect("it answers");
    let ahead = now - shared::time::now();
    assert!((50..=70).contains(&ahead.num_minutes()), "it is ahead by {ahead}");
}
