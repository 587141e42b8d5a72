//! Relays that die, relays that freeze, and others that are in their way.

use shared::db::Engine;
use shared::prelude::*;
use tests::{equal, eventually};

use crate::child;
use crate::surroundings::{SOON, Surroundings, TOPICS, cases, commit, handled, marks};

cases! {
    a_relay_that_dies_before_it_has_noted_what_it_published,
    a_relay_that_is_killed_again_and_again,
    who_waits_for_messages_asks_again_on_a_new_connection,
}

async fn run(db: &Db, statements: &'static [&'static str]) {
    for sql in statements {
        let done = match db.engine() {
            #[cfg(feature = "postgres")]
            Engine::Postgres => sqlx::raw_sql(*sql).execute(db.postgres().expect("it is Postgres")).await.map(|_| ()),
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => sqlx::raw_sql(*sql).execute(db.sqlite().expect("it is SQLite")).await.map(|_| ()),
            #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
            engine => unreachable!("{engine} is not compiled in"),
        };
        done.expect("the statement runs");
    }
}

/// From here on nothing can be noted as published.
async fn refuse_marks(db: &Db) {
    match db.engine() {
        Engine::Postgres => {
            run(
                db,
                &[
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN RAISE EXCEPTION 'not now'; END $$",
                    "CREATE TRIGGER refuse BEFORE INSERT ON shared_ledger FOR EACH ROW EXECUTE FUNCTION refuse()",
                ],
            )
            .await;
        }
        _ => {
            run(
                db,
                &["CREATE TRIGGER refuse BEFORE UPDATE ON shared_outbox BEGIN SELECT RAISE(ABORT, 'not now'); END"],
            )
            .await;
        }
    }
}

async fn allow_marks(db: &Db) {
    match db.engine() {
        Engine::Postgres => run(db, &["DROP TRIGGER refuse ON shared_ledger"]).await,
        _ => run(db, &["DROP TRIGGER refuse"]).await,
    }
}

async fn nothing_waits(db: &Db) {
    eventually(SOON, async || equal(db.outbox().pending().await.ok(), Some(0))).await;
}

/// Proves that the stream has each event once, in order, and that each was handled once.
async fn once_and_in_order(place: &Surroundings, db: &Db, numbers: std::ops::RangeInclusive<u32>) {
    let expected: Vec<u32> = numbers.collect();
    let stored = place.stored().await;
    for topic in TOPICS {
        let of_topic = stored.iter().filter(|message| message.topic == topic);
        assert_eq!(of_topic.map(|message| message.number).collect::<Vec<_>>(), expected, "{topic} in the stream");
        eventually(SOON, async || {
            let mut handled = marks(db, "early", topic).await;
            handled.sort_unstable();
            equal(handled, expected.clone())
        })
        .await;
    }
}

async fn a_relay_that_dies_before_it_has_noted_what_it_published(place: Surroundings) {
    let first = child::start(&place).await;
    let db = place.db().await;
    commit(&db, 1..=3).await;
    handled(&db, "b", 1..=3).await;
    nothing_waits(&db).await;

    refuse_marks(&db).await;
    commit(&db, 4..=6).await;
    // each of a key follows the one before as soon as that is acknowledged
    eventually(SOON, async || equal(place.stored().await.len(), 12)).await;
    assert_eq!(db.outbox().pending().await.expect("it can be read"), 6, "published, and nobody knows");
    first.kill();
    allow_marks(&db).await;

    let _second = child::start(&place).await;
    nothing_waits(&db).await;
    once_and_in_order(&place, &db, 1..=6).await;
}

async fn a_relay_that_is_killed_again_and_again(place: Surroundings) {
    let db = place.db().await;
    let mut process = child::start(&place).await;
    for round in 0..4 {
        let first = round * 25 + 1;
        commit(&db, first..=first + 9).await;
        // somewhere in the middle
        eventually(SOON, async || {
            let published = db.outbox().published_by_subject().await.map_err(|error| error.to_string())?;
            let published = published.get("tally.counted").copied().unwrap_or_default();
            if published > u64::from(first) { Ok(()) } else { Err(format!("{published} are published")) }
        })
        .await;
        commit(&db, first + 10..=first + 19).await;
        process.kill();
        commit(&db, first + 20..=first + 24).await;
        process = child::start(&place).await;
    }
    nothing_waits(&db).await;
    once_and_in_order(&place, &db, 1..=100).await;
}

/// It need not find out by the silence of the server.
async fn who_waits_for_messages_asks_again_on_a_new_connection(mut place: Surroundings) {
    let process = child::start(&place).await;
    let db = place.db().await;
    commit(&db, 1..=3).await;
    handled(&db, "b", 1..=3).await;
    place.nats.kill();
    place.nats.restart().await;
    let lost = "reason=\"the connection was lost\"";
    eventually(SOON, async || process.log().contains(lost).then_some(()).ok_or_else(|| process.log())).await;
    commit(&db, 4..=6).await;
    handled(&db, "b", 1..=6).await;
    assert!(!process.log().contains("the server does not answer"), "{}", process.log());
}

#[cfg(feature = "postgres")]
mod on_postgres {
    use sqlx::{Connection as _, PgConnection};
    use tokio::time::timeout;

    use super::*;
    use crate::surroundings::{CASE, Database};
    use crate::vocabulary::counting;

    #[tokio::test(flavor = "multi_thread")]
    async fn of_two_relays_the_frozen_one_is_replaced_and_does_no_harm_when_it_wakes_up() {
        let case = async {
            let place = Surroundings::new(Database::Postgres).await;
            let leader = child::start(&place).await;
            let db = place.db().await;
            commit(&db, 1..=5).await;
            nothing_waits(&db).await;
            let other = child::start(&place).await;

            let writer = {
                let db = db.clone();
                tokio::spawn(async move { commit(&db, 6..=60).await })
            };
            eventually(SOON, async || {
                let stored = place.stored().await.len();
                if stored >= 20 { Ok(()) } else { Err(format!("{stored} are published")) }
            })
            .await;
            leader.stop();
            writer.await.expect("everything is committed");
            commit(&db, 61..=70).await;
            // the frozen one holds its lock, and the events still leave
            nothing_waits(&db).await;
            leader.cont();
            commit(&db, 71..=100).await;
            nothing_waits(&db).await;
            once_and_in_order(&place, &db, 1..=100).await;
            let lost = "the lock of the outbox was lost";
            eventually(SOON, async || leader.log().contains(lost).then_some(()).ok_or_else(|| leader.log())).await;
            assert!(other.log().contains("this one takes over"), "{}", other.log());
        };
        timeout(CASE, case).await.expect("the case ends in time");
    }

    /// By hand, before they were published: the numbers of what waits are still there.
    #[tokio::test(flavor = "multi_thread")]
    async fn events_that_somebody_deleted_hold_up_nothing() {
        let case = async {
            let place = Surroundings::new(Database::Postgres).await;
            let db = place.db().await;
            // more than are read at once
            commit(&db, 1..=1_500).await;
            run(&db, &["DELETE FROM shared_outbox"]).await;
            assert_eq!(db.outbox().pending().await.expect("it can be read"), 0);
            let running = place.start(counting()).await;
            commit(running.db(), 1_501..=1_505).await;
            for topic in TOPICS {
                handled(running.db(), topic, 1_501..=1_505).await;
            }
            nothing_waits(&db).await;
            running.shutdown().await.expect("it ends in time");
        };
        timeout(CASE, case).await.expect("the case ends in time");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_long_transaction_elsewhere_holds_up_nothing() {
        let case = async {
            let place = Surroundings::new(Database::Postgres).await;
            let running = place.start(counting()).await;
            let mut other = PgConnection::connect(&place.config.database_url).await.expect("Postgres lets us in");
            let mut open = other.begin().await.expect("it begins");
            // it has written, and it has taken a position in the outbox before all others
            sqlx::raw_sql(
                "WITH written AS (\
                 INSERT INTO shared_outbox (event_id, subject, event_type, event_key, headers, payload, created_at) \
                 VALUES (gen_random_uuid(), 'tally.counted', 'tally.counted', 'c', \
                 '{\"ce-type\":\"tally.counted\",\"ce-key\":\"c\"}', \
                 convert_to('{\"topic\":\"c\",\"number\":1}', 'UTF8'), now()) RETURNING seq) \
                 INSERT INTO shared_unpublished (seq) SELECT seq FROM written",
            )
            .execute(&mut *open)
            .await
            .expect("the row is taken");
            commit(running.db(), 1..=50).await;
            for topic in TOPICS {
                handled(running.db(), topic, 1..=50).await;
            }
            assert_eq!(marks(running.db(), "early", "c").await, Vec::<u32>::new());
            open.commit().await.expect("it commits");
            handled(running.db(), "c", 1..=1).await;
            running.shutdown().await.expect("it ends in time");
        };
        timeout(CASE, case).await.expect("the case ends in time");
    }
}
