//! Processes that end and begin.

use shared::prelude::*;
use tests::{equal, eventually};

use crate::handlers::{keep, keep_all, service};
use crate::script::{Gate, Script};
use crate::surroundings::{SOON, Surroundings, cases, commit, kept, kept_soon, no_letters, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [],
    lasting: [
        events_committed_while_nobody_runs_are_handled_at_the_next_start,
        services_that_are_dropped_in_the_middle_go_on_at_the_next_start,
        a_new_subscriber_joins,
    ],
    on_nats: [
        the_outbox_has_one_publisher_at_a_time,
        what_has_settled_was_handled,
    ],
    syncing: [
        events_committed_while_nobody_runs_are_handled_at_the_next_start,
        services_that_are_dropped_in_the_middle_go_on_at_the_next_start,
        the_outbox_has_one_publisher_at_a_time,
    ],
}

async fn events_committed_while_nobody_runs_are_handled_at_the_next_start(place: Surroundings) {
    let script = Script::succeed();
    let db = place.db().await;
    commit(&db, (1..=5).map(|number| taken("a", number))).await;
    for round in 0..2u32 {
        let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
        settle(&running).await;
        running.shutdown().await.expect("it ends in time");
        let first = 6 + 5 * round;
        assert_eq!(script.done_of("a"), (1..first).collect::<Vec<u32>>());
        commit(&db, (first..first + 5).map(|number| taken("a", number))).await;
    }
    assert_eq!(db.outbox().pending().await.expect("it can be read"), 5);
    assert_eq!(kept(&db, "keep").await, (1..=10).collect::<Vec<i32>>());
    no_letters(&db).await;
}

async fn services_that_are_dropped_in_the_middle_go_on_at_the_next_start(mut place: Surroundings) {
    // What a killed process holds comes again after that time.
    place.config.ack_wait = std::time::Duration::from_secs(2);
    let gate = Gate::closed();
    let door = gate.clone();
    let script = Script::new(move |call| {
        let door = door.clone();
        async move {
            if call.number > 3 {
                door.pass().await;
            }
            Ok(())
        }
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), (1..=8).map(|number| taken("a", number))).await;
    script.begun_soon(4).await;
    drop(running);
    gate.open();

    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, (1..=8).collect::<Vec<i32>>());
    // What shared its transaction with the one that was dropped was rolled back with it, and ran again.
    let done = script.done_of("a");
    let mut seen = std::collections::HashSet::new();
    let first: Vec<u32> = done.iter().copied().filter(|number| seen.insert(*number)).collect();
    assert_eq!(first, (1..=8).collect::<Vec<u32>>(), "{done:?}");
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn a_new_subscriber_joins(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");

    let running = place.start([service("one", &script).subscribe(subscribers![keep, keep_all])]).await;
    commit(running.db(), [taken("a", 2)]).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1, 2]);
    // The server keeps what was published before; the in-process bus keeps nothing.
    let expected: &[i32] = if place.on_nats() { &[1, 2] } else { &[2] };
    assert_eq!(kept(running.db(), "keep_all").await, expected);
    running.shutdown().await.expect("it ends in time");
}

async fn the_outbox_has_one_publisher_at_a_time(place: Surroundings) {
    let script = Script::succeed();
    let one = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let two = place.start([service("two", &script).subscribe(subscribers![keep_all])]).await;
    let db = place.db().await;
    commit(one.db(), [taken("a", 1)]).await;
    commit(two.db(), [taken("a", 2)]).await;
    for subscriber in ["keep", "keep_all"] {
        kept_soon(&db, subscriber, &[1, 2]).await;
    }
    one.shutdown().await.expect("it ends in time");
    // Whoever published until now, the other one does so from here on.
    commit(&db, [taken("a", 3)]).await;
    kept_soon(&db, "keep_all", &[1, 2, 3]).await;
    let one = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    two.shutdown().await.expect("it ends in time");
    commit(&db, [taken("a", 4)]).await;
    kept_soon(&db, "keep", &[1, 2, 3, 4]).await;
    eventually(SOON, async || equal(db.outbox().pending().await.ok(), Some(0))).await;
    assert_eq!(db.inbox().duplicates_suppressed().await.expect("it can be read"), 0);
    one.shutdown().await.expect("it ends in time");
}

async fn what_has_settled_was_handled(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep, keep_all])]).await;
    for number in 1..=100 {
        commit(running.db(), [taken("a", number)]).await;
        settle(&running).await;
        assert_eq!(script.done().len() as u32, 2 * number);
    }
    running.shutdown().await.expect("it ends in time");
}
