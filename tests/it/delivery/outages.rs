//! Something that a subscription needs is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use shared::prelude::*;
use shared::service::SubscriptionState;
use shared::{Error, Running};
use tests::{equal, eventually};

use crate::handlers::{keep, service};
use crate::script::Script;
use crate::surroundings::{SOON, Surroundings, cases, commit, kept, letters, no_letters, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [
        what_is_away_pauses_the_subscription_and_uses_up_no_tries,
        an_event_that_alone_misses_something_is_parked,
    ],
    lasting: [],
    on_nats: [],
}

fn missing() -> Error {
    Error::unavailable("the mail server", "connection refused")
}

fn paused_for(running: &Running) -> Option<String> {
    let subscriptions = running.subscriptions();
    assert_eq!(subscriptions.len(), 1, "{subscriptions:?}");
    match &subscriptions[0].state {
        SubscriptionState::Paused { missing, .. } => Some(missing.clone()),
        _ => None,
    }
}

async fn what_is_away_pauses_the_subscription_and_uses_up_no_tries(place: Surroundings) {
    let away = Arc::new(AtomicBool::new(true));
    let script = {
        let away = Arc::clone(&away);
        Script::new(move |_| {
            let result = if away.load(Ordering::SeqCst) { Err(missing()) } else { Ok(()) };
            async move { result }
        })
    };
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), (0..40).map(|number| taken(&format!("topic {number}"), number))).await;
    eventually(SOON, async || equal(paused_for(&running).as_deref(), Some("the mail server"))).await;
    // More tries than an event has.
    let before = script.begun().len();
    script.begun_soon(before + 4).await;
    assert!(letters(running.db()).await.is_empty());
    away.store(false, Ordering::SeqCst);
    settle(&running).await;

    assert_eq!(paused_for(&running), None);
    assert_eq!(kept(running.db(), "keep").await, (0..40).collect::<Vec<i32>>());
    let attempts = script.begun().into_iter().map(|call| call.meta.attempt).max();
    assert!(attempts <= Some(2), "{attempts:?}");
    no_letters(running.db()).await;
    running.shutdown().await.expect("it ends in time");
}

async fn an_event_that_alone_misses_something_is_parked(place: Surroundings) {
    let script = Script::new(async |call| if call.topic == "a" { Err(missing()) } else { Ok(()) });
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    commit(running.db(), [taken("a", 1)]).await;
    let others = AtomicU32::new(0);
    eventually(SOON, async || {
        let number = others.fetch_add(1, Ordering::SeqCst);
        commit(running.db(), [taken("b", number)]).await;
        equal(letters(running.db()).await.len(), 1)
    })
    .await;
    settle(&running).await;
    let letters = letters(running.db()).await;
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("unavailable", 3), "{letters:?}");
    assert_eq!(script.done_of("b"), (0..others.into_inner()).collect::<Vec<u32>>());
    running.shutdown().await.expect("it ends in time");
}

#[cfg(feature = "postgres")]
mod lost {
    use super::*;
    use crate::surroundings::{Database, Transport};

    /// Has one try, and loses against others in the beginning.
    #[subscribe("note.taken", retry(max = 1))]
    async fn lose(event: crate::vocabulary::NoteTaken, tx: &mut Tx, State(lost): State<Arc<AtomicU32>>) -> Result<()> {
        if lost.fetch_add(1, Ordering::SeqCst) < 3 {
            let raise = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'serialization_failure'; END $$";
            tx.postgres(async |connection| Ok(sqlx::raw_sql(raise).execute(connection).await.map(drop)?)).await?;
        }
        crate::handlers::write(tx, "lose", &event.topic, event.number).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_transaction_that_lost_is_run_again_before_that_counts() {
        let place = Surroundings::new(Database::Postgres, Transport::InProcess).await;
        let lost = Arc::new(AtomicU32::new(0));
        let service = service("one", &Script::succeed()).subscribe(subscribers![lose]).state(Arc::clone(&lost));
        let running = place.start([service]).await;
        commit(running.db(), [taken("a", 1)]).await;
        settle(&running).await;
        assert_eq!(kept(running.db(), "lose").await, [1]);
        assert_eq!(lost.load(Ordering::SeqCst), 4);
        no_letters(running.db()).await;
        running.shutdown().await.expect("it ends in time");
    }
}
