//! Bringing back what was parked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::db::LetterFilter;
use shared::prelude::*;
use tests::{equal, eventually};

use crate::handlers::{keep, look, service, tell};
use crate::script::{Gate, Script};
use crate::surroundings::{Foreign, SOON, Surroundings, cases, commit, kept, letters, no_letters, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [
        a_letter_is_replayed_once,
        a_replay_that_fails_leaves_a_new_letter,
        a_letter_of_a_handler_without_a_transaction_is_replayed,
        a_replay_that_is_dropped_leaves_the_letter,
        a_letter_is_purged,
        letters_are_found_by_conditions,
    ],
    lasting: [many_letters_are_replayed_in_order_once, a_letter_outlives_its_process],
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
        equal(suppressed.ok(), Some(1))
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

async fn letters_are_found_by_conditions(place: Surroundings) {
    let script = Script::new(async |call| match call.number {
        1 => Err(Error::permanent("broken")),
        2 => Err(Error::NotFound { entity: "Note" }),
        _ => Ok(()),
    });
    let services =
        [service("one", &script).subscribe(subscribers![keep]), service("two", &script).subscribe(subscribers![tell])];
    let running = place.start(services).await;
    commit(running.db(), [taken("a", 1), taken("b", 2), taken("c", 3)]).await;
    let broken = Foreign::event("note.taken", "{}");
    place.put(&running, std::slice::from_ref(&broken)).await;
    eventually(SOON, async || equal(letters(running.db()).await.len(), 6)).await;
    settle(&running).await;

    let found = running.db().dead_letters();
    let all = LetterFilter::all();
    let count = async |filter: &LetterFilter| found.count_of(filter).await.expect("they are counted");
    let minute = TimeDelta::minutes(1);
    for (filter, letters) in [
        (all.clone(), 6),
        (all.clone().subscription("one_keep"), 3),
        (all.clone().subscription("one"), 0),
        (all.clone().event_type("note.taken"), 6),
        (all.clone().reason("not_found"), 2),
        (all.clone().reason("permanent").subscription("two_tell"), 1),
        (all.clone().reason("missing_field"), 2),
        (all.clone().reason("decode"), 2),
        (all.clone().parked_since(time::now() - minute), 6),
        (all.clone().parked_before(time::now() - minute), 0),
    ] {
        assert_eq!(count(&filter).await, letters, "{filter:?}");
        let page = found.page(&filter, None).await.expect("they are read");
        assert_eq!(u64::try_from(page.len()), Ok(letters), "{filter:?}");
        let rest = match page.first() {
            Some(first) => found.page(&filter, Some(first)).await.expect("they are read").len() + 1,
            None => 0,
        };
        assert_eq!(rest, page.len(), "{filter:?}");
    }

    let purged = found.purge_all(&all.clone().reason("decode")).await.expect("they are deleted");
    assert_eq!((purged, count(&all).await), (2, 4));
    running.shutdown().await.expect("it ends in time");
}

async fn many_letters_are_replayed_in_order_once(place: Surroundings) {
    let mended = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&mended);
    let script = Script::new(move |call| {
        let well = watched.load(Ordering::Relaxed) && call.number != 7;
        async move { if well { Ok(()) } else { Err(Error::permanent("broken")) } }
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep, tell])]).await;
    commit(running.db(), (1..=120).map(|number| taken("a", number))).await;
    settle(&running).await;
    mended.store(true, Ordering::Relaxed);

    let filter = LetterFilter::all().subscription("one_keep");
    let mut seen = Vec::new();
    let replayed = running.replay_all(&filter, |letter, handled| seen.push((letter.id, handled))).await;
    let replayed = replayed.expect("they are replayed");
    assert_eq!((replayed.handled, replayed.failed, replayed.elsewhere), (119, 1, 0));
    assert_eq!((seen.len(), seen.iter().filter(|(_, handled)| !handled).count()), (120, 1));
    let done: Vec<u32> =
        script.done().iter().filter(|call| call.subscriber == "keep").map(|call| call.number).collect();
    let expected: Vec<u32> = (1..=120).filter(|number| *number != 7).collect();
    assert_eq!(done, expected, "in the order in which they were parked");

    // what failed again waits, and so does what is of the other subscription
    let counted = async |filter: &LetterFilter| running.db().dead_letters().count_of(filter).await;
    assert_eq!(counted(&filter).await.expect("they are counted"), 1);
    assert_eq!(counted(&LetterFilter::all().subscription("one_tell")).await.expect("they are counted"), 120);
    running.shutdown().await.expect("it ends in time");

    // another service cannot handle them
    let other = place.start([service("other", &script).subscribe(subscribers![tell])]).await;
    let replayed = other.replay_all(&filter, |_, _| {}).await.expect("there is nothing to do");
    assert_eq!((replayed.handled, replayed.failed, replayed.elsewhere), (0, 0, 1));
    other.shutdown().await.expect("it ends in time");
}
