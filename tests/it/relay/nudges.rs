//! Two processes on one database: the one that does not publish wakes the one that does.

use futures_util::StreamExt as _;
use shared::prelude::*;
use tokio::time::timeout;

use crate::surroundings::{SOON, Surroundings, cases, commit, handled};
use crate::vocabulary::{checking, counting};

cases! {
    who_does_not_publish_wakes_who_does,
}

async fn who_does_not_publish_wakes_who_does(place: Surroundings) {
    let leader = place.start(counting()).await;
    commit(leader.db(), 1..=2).await;
    handled(leader.db(), "b", 1..=2).await;
    let client = async_nats::connect(place.nats.url()).await.expect("the server lets us in");
    let mut everything = client.subscribe("$SHARED.>").await.expect("it can be listened to");
    client.flush().await.expect("the server has heard it");
    place.jetstream().await.query_account().await.expect("it answers");

    let other = place.start(checking()).await;
    assert!(!other.metrics().await.expect("they can be read").relay.leading);
    assert!(leader.metrics().await.expect("they can be read").relay.leading);
    commit(other.db(), 3..=4).await;
    let nudge = timeout(SOON, everything.next()).await.expect("it comes").expect("the server is there");
    assert!(nudge.subject.as_str().starts_with("$SHARED.nudge."), "{}", nudge.subject);
    assert!(nudge.payload.is_empty() && nudge.headers.is_none() && nudge.reply.is_none(), "{nudge:?}");
    handled(leader.db(), "b", 1..=4).await;

    // the streams have nothing but events
    assert_eq!(place.stored().await.len(), 8);
    let names: Vec<_> = place.jetstream().await.stream_names().collect().await;
    let names: Result<Vec<String>, _> = names.into_iter().collect();
    assert_eq!(names.expect("they can be listed"), ["TALLY"]);
    other.shutdown().await.expect("it ends in time");
    leader.shutdown().await.expect("it ends in time");
}
