//! Faults: servers and processes that die, freeze or fill up, links that break, clocks that jump.
//!
//! Each file is a fault, or some of a kind. `FAULTS.md` says what must hold, and which test proves it.

mod child;
mod ledger;
mod place;
mod writers;

mod asked_to_end;
mod broker_disk_full;
mod broker_killed;
mod broker_stopped;
mod clock_jumped;
mod database_disk_full;
mod database_killed;
mod database_stopped;
mod future_dropped;
mod handler_died;
mod link_cut;
mod pool_of_one;
mod process_killed;
mod reader_slow;
mod table;
mod topology_deleted;
mod versions_mixed;

use std::env;

/// The arguments that make this binary a child.
const CHILD: [&str; 3] = ["--exact", "a_child_starts_and_ends_when_asked", "--nocapture"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_starts_and_ends_when_asked() {
    if let Ok(services) = env::var(child::SERVICES) {
        return child::ended_well(child::serve(&services).await);
    }
    let place = place::Place::embedded().await;
    let child = child::Child::ready(place.writing_child(place::BOTH, 2)).await;
    place.handled(20).await;
    let figures = {
        child.signal(tests::Signal::Term);
        assert!(child.ended(place::LONG).await.success());
        let child = place.serve().await;
        place.holds_and_ends([child]).await
    };
    assert!(figures.committed > 0 && figures.handled > 0, "{figures:?}");
}
