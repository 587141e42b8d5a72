//! What runs after a commit.

use std::sync::{Arc, Mutex};

use shared::prelude::*;

use crate::surroundings::{Surroundings, Thing, cases, clean, names, thing};

cases! {
    everywhere: [
        hooks_run_in_order_after_the_commit_only,
        hooks_run_in_the_context_of_their_transaction,
        a_panic_of_a_hook_is_the_callers,
    ],
    lasting: [],
}

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, line: impl Into<String>) {
    log.lock().unwrap().push(line.into());
}

async fn hooks_run_in_order_after_the_commit_only(place: Surroundings) {
    let db = place.db().await;
    let log = Log::default();
    let work = db.transaction(async |tx| {
        for line in ["first hook", "second hook"] {
            let log = Arc::clone(&log);
            tx.after_commit(move || note(&log, line));
        }
        tx.repo::<Thing>().create(thing("a")).await?;
        note(&log, "end of the closure");
        Ok(())
    });
    work.await.expect("it commits");
    assert_eq!(*log.lock().unwrap(), ["end of the closure", "first hook", "second hook"]);

    let log = Log::default();
    for fail_at_commit in [false, true] {
        let work = db.transaction(async |tx| {
            let noted = Arc::clone(&log);
            tx.after_commit(move || note(&noted, "hook"));
            let taken = tx.repo::<Thing>().create(thing("a")).await;
            // Swallowed, so that the commit is refused.
            if fail_at_commit { Ok(()) } else { taken.map(|_| ()) }
        });
        work.await.expect_err("the name is taken");
    }
    assert_eq!(*log.lock().unwrap(), [""; 0]);
    assert_eq!(names(&db).await, ["a"]);
    clean(&db).await;
}

async fn hooks_run_in_the_context_of_their_transaction(place: Surroundings) {
    let db = place.db().await;
    let log = Log::default();
    let work = db.transaction(async |tx| {
        let log = Arc::clone(&log);
        tx.after_commit(move || note(&log, Context::current().correlation_id().as_str()));
        Ok(())
    });
    Context::new().correlation("request-7").scope(work).await.expect("it commits");
    assert_eq!(*log.lock().unwrap(), ["request-7"]);
}

async fn a_panic_of_a_hook_is_the_callers(place: Surroundings) {
    let db = place.db().await;
    let task = tokio::spawn({
        let db = db.clone();
        async move {
            db.transaction(async |tx| {
                tx.after_commit(|| panic!("this panic is wanted"));
                tx.repo::<Thing>().create(thing("a")).await
            })
            .await
        }
    });
    assert!(task.await.expect_err("it panics").is_panic());
    assert_eq!(names(&db).await, ["a"], "the commit came before");
    clean(&db).await;
}
