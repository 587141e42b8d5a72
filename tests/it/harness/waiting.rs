//! Waiting for conditions.

use std::cell::Cell;
use std::time::Duration;

use tests::{equal, eventually};

use crate::{LONG, panic_of};

#[tokio::test]
async fn a_condition_is_tried_until_it_holds() {
    let tries = Cell::new(0);
    let value = eventually(LONG, async || {
        tries.set(tries.get() + 1);
        equal(tries.get(), 4).map(|()| "done")
    })
    .await;
    assert_eq!((value, tries.get()), ("done", 4));
}

#[tokio::test]
async fn a_missed_deadline_tells_what_was_last_seen_and_where() {
    let message = panic_of(eventually(Duration::from_millis(20), async || equal(1, 2))).await;
    assert!(message.contains("last seen: 1, expected 2"), "{message}");
    assert!(message.contains("waiting.rs"), "{message}");
}

#[tokio::test]
async fn a_condition_that_hangs_is_cut_off() {
    let hanging = async || std::future::pending::<Result<(), String>>().await;
    let message = panic_of(eventually(Duration::from_millis(20), hanging)).await;
    assert!(message.contains("never answered"), "{message}");
}
