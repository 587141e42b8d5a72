//! What the client still has in hand when its connection is lost: it must not reach a server that has gone back in time,
//! where it would come before what that server has lost.

use std::thread;
use std::time::{Duration, Instant};

use shared::prelude::*;
use tests::{equal, eventually};
use tokio::runtime::Builder;

use crate::ledger::{back_up, put_back};
use crate::surroundings::{CASE, Database, SOON, Surroundings, settle};
use crate::vocabulary::{counted, counting};

/// How often the server goes back, each time a little later after a commit: at some of them the relay has just given the
/// event to the client.
const ROUNDS: u32 = 12;

/// All tasks take turns on one thread, which hears of the world outside between any two of them. While it is held up, the
/// server goes back, and when it goes on, the client finds the next event and the end of its connection at once.
#[test]
fn what_the_client_has_in_hand_does_not_reach_a_server_that_has_gone_back() {
    let runtime = Builder::new_current_thread().enable_all().event_interval(1).build().expect("the runtime starts");
    let case = async {
        let mut place = Surroundings::new(Database::File).await;
        let running = place.start(counting()).await;
        let commit = async |number| {
            let done = running.db().transaction(async |tx| tx.publish(counted("a", number)).await).await;
            done.expect("the event is committed");
        };
        commit(0).await;
        settle(&running).await;
        let copied = back_up(&mut place).await;
        for round in 0..ROUNDS {
            let lost = 2 * round + 1;
            commit(lost).await;
            published(running.db()).await;
            commit(lost + 1).await;
            let (since, pause) = (Instant::now(), Duration::from_micros(100) * round);
            while since.elapsed() < pause {
                tokio::task::yield_now().await;
            }
            place = go_back(place, &copied);
            let numbers = eventually(SOON, async || {
                let numbers = place.first_copies().await;
                if numbers.len() == lost as usize + 2 { Ok(numbers) } else { Err(format!("{numbers:?} are there")) }
            })
            .await;
            assert!(numbers.is_sorted(), "round {round}: the stream has them in the order {numbers:?}");
        }
        running.shutdown().await.expect("it ends in time");
    };
    runtime.block_on(async { tokio::time::timeout(CASE, case).await }).expect("the case ends in time");
}

async fn published(db: &Db) {
    eventually(SOON, async || equal(db.outbox().pending().await.ok(), Some(0))).await;
}

impl Surroundings {
    /// The numbers in the stream, each where it comes first.
    async fn first_copies(&self) -> Vec<u32> {
        let mut numbers = Vec::new();
        for message in self.stored().await {
            if !numbers.contains(&message.number) {
                numbers.push(message.number);
            }
        }
        numbers
    }
}

/// Puts an older copy in the place of the server's store while this thread does nothing else.
fn go_back(mut place: Surroundings, copied: &tests::Scratch) -> Surroundings {
    thread::scope(|scope| {
        let done = scope.spawn(|| {
            place.nats.kill();
            put_back(&place, copied);
            let runtime = Builder::new_current_thread().enable_all().build().expect("the runtime starts");
            runtime.block_on(place.nats.restart());
            place
        });
        done.join().expect("the server starts again")
    })
}
