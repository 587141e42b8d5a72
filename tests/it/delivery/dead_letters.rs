//! Bringing back what was parked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::prelude::*;
use tests::eventually;

use crate::handlers::{keep, look, service, tell};
use crate::script::{Gate, Script};
use crate::surroundings::{SOON, Surroundings, cases, commit, kept, letters, no_letters, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [
        a_letter_is_replayed_once,
        a_replay_that_fails_leaves_a_new_letter,
        a_letter_of_a_handler_without_a_transaction_is_replayed,
        a_replay_that_is_dropped_leaves_the_letter,
        a_letter_is_purged,
    ],
    lasting: [a_letter_outlives_its_process],
    on_nats: [],
}

/// Handlers that fail until they are mended.
fn broken() -> (Script, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&mended);
    let script = Script::new(move |_| {
        let mended = watched.load(Ordering::Relaxed);
        async move { if mended { Ok(()) } else { Err(Error::permanent("broken")) } }
    });
    (script, mended)
}

async fn a_letter_is_replayed_once(place: Surroundings) {
    let (script, mended) = broken();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let context = Context::new().correlation("request-7").actor("dr-1");
    context.scope(commit(running.db(), [taken("a", 1)])).await;
    settle(&running).await;
    let parked = letters(running.db()).await;
    assert_eq!(parked.len(), 1, "{parked:?}");

    mended.store(true, Ordering::Relaxed);
    let handled = running.replay(parked[0].id).await;
    assert!(handled.expect("it is replayed"));
    assert_eq!(kept(running.db(), "keep").await, [1]);
    no_letters(running.db()).await;
    let call = script.done().remove(0);
    assert_eq!(call.meta.event_id, parked[0].event_id);
    assert_eq!(call.meta.correlation_id.as_str(), "request-7");
    assert_eq!(call.meta.actor.as_ref().map(|id| id.as_str()), Some("dr-1"));
    assert_eq!(call.meta.key.as_deref(), Some("a"));

    let again = running.replay(parked[0].id).await;
    assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
    let unknown = running.replay(id::new()).await;
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
    assert_eq!(kept(running.db(), "keep").await, [1]);

    // Now it is as handled as any other event.
    place.deliver_all_again(&running).await;
    eventually(SOON, async || {
        let suppressed = running.db().inbox().duplicates_suppressed().await;
        tests::equal(suppressed.ok(), Some(1))
    })
    .await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1]);
    running.shutdown().await.expect("it ends in time");
}

async fn a_replay_that_fails_leaves_a_new_letter(place: Surroundings) {
    let (script, _mended) = broken();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    let first = letters(running.db()).await.remove(0);

    let handled = running.replay(first.id).await;
    assert!(!handled.expect("it is tried"));
    let now = letters(running.db()).await;
    assert_eq!(now.len(), 1, "{now:?}");
    assert_ne!(now[0].id, first.id);
    assert_eq!(now[0].event_id, first.event_id);
    assert_eq!(kept(running.db(), "keep").await, [0; 0]);
    assert_eq!(script.begun().len(), 2);
    running.shutdown().await.expect("it ends in time");
}

async fn a_letter_of_a_handler_without_a_transaction_is_replayed(place: Surroundings) {
    let mended = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&mended);
    let script = Script::new(move |call| {
        let works = call.subscriber == "look" || watched.load(Ordering::Relaxed);
        async move { if works { Ok(()) } else { Err(Error::permanent("broken")) } }
    });
    let running = place.start([service("one", &script).subscribe(subscribers![tell, look])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    let letter = letters(running.db()).await.remove(0);

    mended.store(true, Ordering::Relaxed);
    assert!(running.replay(letter.id).await.expect("it is replayed"));
    settle(&running).await;
    assert_eq!(kept(running.db(), "look").await, [1]);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn a_replay_that_is_dropped_leaves_the_letter(place: Surroundings) {
    let (gate, mended) = (Gate::closed(), Arc::new(AtomicBool::new(false)));
    let (door, watched) = (gate.clone(), Arc::clone(&mended));
    let script = Script::new(move |_| {
        let (door, mended) = (door.clone(), watched.load(Ordering::Relaxed));
        async move {
            if !mended {
                return Err(Error::permanent("broken"));
            }
            door.pass().await;
            Ok(())
        }
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    let letter = letters(running.db()).await.remove(0);

    mended.store(true, Ordering::Relaxed);
    tokio::select! {
        _ = running.replay(letter.id) => unreachable!("the gate is closed"),
        () = script.begun_soon(2) => {}
    }
    let now = letters(running.db()).await;
    assert_eq!(now.len(), 1, "{now:?}");
    assert_eq!(kept(running.db(), "keep").await, [0; 0]);

    gate.open();
    assert!(running.replay(now[0].id).await.expect("it is replayed"));
    assert_eq!(kept(running.db(), "keep").await, [1]);
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn a_letter_is_purged(place: Surroundings) {
    let (script, _mended) = broken();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1), taken("a", 2)]).await;
    settle(&running).await;
    let parked = letters(running.db()).await;
    assert_eq!(parked.len(), 2);
    let dead_letters = running.db().dead_letters();
    assert!(dead_letters.purge(parked[0].id).await.expect("it is deleted"));
    assert!(!dead_letters.purge(parked[0].id).await.expect("it is gone"));
    assert_eq!(dead_letters.count().await.expect("it can be read"), 1);
    assert_eq!(letters(running.db()).await[0].id, parked[1].id);
    running.shutdown().await.expect("it ends in time");
}

async fn a_letter_outlives_its_process(place: Surroundings) {
    let (script, mended) = broken();
    let start = async || place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let running = start().await;
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");

    mended.store(true, Ordering::Relaxed);
    let other = place.start([service("two", &script)]).await;
    let letter = letters(other.db()).await.remove(0);
    let refused = other.replay(letter.id).await;
    assert!(matches!(refused, Err(Error::Usage(_))), "it is not its own: {refused:?}");
    other.shutdown().await.expect("it ends in time");

    let running = start().await;
    settle(&running).await;
    let parked = letters(running.db()).await;
    assert_eq!(parked.len(), 1, "a restart is no replay: {parked:?}");
    assert!(running.replay(parked[0].id).await.expect("it is replayed"));
    assert_eq!(kept(running.db(), "keep").await, [1]);
    running.shutdown().await.expect("it ends in time");
}
