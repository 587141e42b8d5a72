//! Several replicas of a service on Postgres and NATS: who of them handles what, and what becomes of it when one dies,
//! or is stopped and wakes up late.

#![cfg(all(feature = "postgres", feature = "nats"))]

mod place;
mod taking_turns;
mod walks;

use std::env;

/// The arguments that make this binary a child.
const CHILD: [&str; 3] = ["--exact", "a_child_ends_when_asked", "--nocapture"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_ends_when_asked() {
    if let Ok(service) = env::var(place::SERVICE) {
        return walks::serve(&service).await;
    }
    let place = place::Place::new().await;
    let child = place.replica("ordered").await;
    place.end(child).await;
}
