//! Events that are published at a time to come.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use shared::db::TxOptions;
use shared::prelude::*;
use tests::{equal, eventually};

use crate::handlers::{keep_trying, service};
use crate::script::Script;
use crate::surroundings::{SOON, Surroundings, cases, commit, kept, kept_soon, no_letters, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [
        it_comes_when_it_is_due,
        it_takes_its_place_when_it_is_due,
        it_can_be_cancelled,
        it_belongs_to_its_transaction,
        what_cannot_be_scheduled_is_refused,
    ],
    lasting: [it_waits_through_restarts, another_process_schedules_too],
    on_nats: [],
}

/// Far enough away for any case.
const FAR: Duration = Duration::from_secs(3600);

/// Becomes due while the case runs.
const NEAR: Duration = Duration::from_millis(300);

async fn schedule(db: &Db, number: u32, after: Duration) -> Uuid {
    let done = db.transaction(async |tx| tx.publish_in(taken("a", number), after).await).await;
    done.expect("the event is scheduled")
}

async fn scheduled(db: &Db) -> u64 {
    db.outbox().scheduled().await.expect("it can be read")
}

async fn it_comes_when_it_is_due(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    let due = time::now() + TimeDelta::milliseconds(300);
    let work = running.db().transaction(async |tx| {
        let past = tx.publish_at(taken("b", 1), time::now() - TimeDelta::days(1)).await?;
        let near = tx.publish_at(taken("a", 2), due).await?;
        let far = tx.publish_in(taken("a", 3), FAR).await?;
        Ok([past, near, far])
    });
    let [past, near, _] = work.await.expect("they are scheduled");
    eventually(SOON, async || equal(script.done().len(), 2)).await;
    settle(&running).await;
    assert_eq!(scheduled(running.db()).await, 1, "the third one waits, and does not keep the rest from settling");
    assert_eq!(running.metrics().await.expect("they can be read").outbox.scheduled, 1);

    let done = script.done();
    let call = |id: Uuid| done.iter().find(|call| call.meta.event_id == id.to_string()).expect("it was handled");
    assert_eq!((call(near).number, call(near).meta.time), (2, Some(due)));
    assert!(call(near).at >= due, "{} is before {due}", call(near).at);
    let time = call(past).meta.time.expect("it has a time");
    assert!(time::now() - time < TimeDelta::hours(1), "it happens now: {time}");
    assert!(call(near).meta.sequence > call(past).meta.sequence);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn it_takes_its_place_when_it_is_due(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    let work = running.db().transaction(async |tx| {
        // the times decide, not the order of the calls
        for (number, millis) in [(5, 500), (4, 400), (2, 200), (3, 300)] {
            tx.publish_in(taken("a", number), Duration::from_millis(millis)).await?;
        }
        tx.publish(taken("a", 1)).await
    });
    work.await.expect("they are scheduled");
    eventually(SOON, async || equal(script.done_of("a"), [1, 2, 3, 4, 5])).await;
    commit(running.db(), [taken("a", 6)]).await;
    settle(&running).await;
    assert_eq!(script.done_of("a"), [1, 2, 3, 4, 5, 6]);
    let log: Vec<_> = running.db().outbox().entries().try_collect().await.expect("it can be read");
    assert_eq!(log.len(), 6);
    let times: Vec<_> = log.iter().map(|entry| entry.created_at).collect();
    assert!(times.is_sorted(), "{times:?}");
    running.shutdown().await.expect("it ends in time");
}

async fn it_can_be_cancelled(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    let db = running.db();
    let (first, second) = (schedule(db, 1, FAR).await, schedule(db, 2, FAR).await);
    let handled = schedule(db, 3, NEAR).await;
    kept_soon(db, "keep_trying", &[3]).await;

    assert!(db.outbox().cancel(first).await.expect("it can be asked"));
    assert!(!db.outbox().cancel(first).await.expect("it can be asked"), "it was cancelled before");
    assert!(!db.outbox().cancel(handled).await.expect("it can be asked"), "it has become due");
    assert!(!db.outbox().cancel(Uuid::nil()).await.expect("it can be asked"), "there is none");

    let undone = db.transaction(async |tx| {
        assert!(tx.cancel(second).await?);
        Err::<(), _>(Error::other("after all not"))
    });
    undone.await.expect_err("it is rolled back");
    assert_eq!(scheduled(db).await, 1, "the cancelling was rolled back");
    let done = db.transaction(async |tx| {
        assert!(tx.cancel(second).await?);
        assert!(!tx.cancel(second).await?);
        tx.publish(taken("a", 4)).await
    });
    done.await.expect("it is cancelled");
    settle(&running).await;
    assert_eq!(scheduled(db).await, 0);
    assert_eq!(kept(db, "keep_trying").await, [3, 4]);
    running.shutdown().await.expect("it ends in time");
}

async fn it_belongs_to_its_transaction(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    let db = running.db();
    let undone = db.transaction(async |tx| {
        tx.publish_in(taken("a", 1), FAR).await?;
        Err::<(), _>(Error::other("after all not"))
    });
    undone.await.expect_err("it is rolled back");
    assert_eq!(scheduled(db).await, 0);

    let done = db.transaction(async |tx| {
        let (kept, own) = (tx.publish_in(taken("a", 2), FAR).await?, tx.publish_in(taken("a", 3), FAR).await?);
        assert!(tx.cancel(own).await?, "what the transaction itself has scheduled can be cancelled in it");
        let nested = tx.transaction(async |tx| {
            assert!(tx.cancel(kept).await?);
            tx.publish_in(taken("a", 4), FAR).await?;
            Err::<(), _>(Error::other("after all not"))
        });
        nested.await.expect_err("it is undone");
        Ok(kept)
    });
    let kept = done.await.expect("it commits");
    assert_eq!(scheduled(db).await, 1);
    assert!(db.outbox().cancel(kept).await.expect("it can be asked"), "what was undone took nothing with it");
    running.shutdown().await.expect("it ends in time");
}

async fn what_cannot_be_scheduled_is_refused(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    let db = running.db();
    let refused = db.transaction(async |tx| tx.publish_in(taken("a", 1), Duration::MAX).await).await;
    assert!(matches!(&refused, Err(Error::Usage(text)) if text.contains("9999")), "{refused:?}");
    let refused = db.transaction(async |tx| tx.publish_in(taken("a", 1001), FAR).await).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let reading = TxOptions::new().read_only();
    let refused = db.transaction_with(reading, async |tx| tx.publish_in(taken("a", 1), FAR).await).await;
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    let refused = db.transaction_with(reading, async |tx| tx.cancel(Uuid::nil()).await).await;
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    assert_eq!(scheduled(db).await, 0);
    running.shutdown().await.expect("it ends in time");
}

async fn it_waits_through_restarts(place: Surroundings) {
    let script = Script::succeed();
    let db = place.db().await;
    schedule(&db, 1, NEAR).await;
    schedule(&db, 2, FAR).await;
    for _ in 0..2 {
        let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
        kept_soon(&db, "keep_trying", &[1]).await;
        settle(&running).await;
        running.shutdown().await.expect("it ends in time");
        assert_eq!(scheduled(&db).await, 1);
    }
    assert_eq!(script.done_of("a"), [1]);
}

async fn another_process_schedules_too(place: Surroundings) {
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep_trying])]).await;
    schedule(running.db(), 3, FAR).await;
    let elsewhere = place.db().await;
    for number in 1..=2 {
        schedule(&elsewhere, number, NEAR).await;
        let expected: Vec<i32> = (1..=number.cast_signed()).collect();
        kept_soon(&elsewhere, "keep_trying", &expected).await;
    }
    running.shutdown().await.expect("it ends in time");
}
