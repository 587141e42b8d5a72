//! Handlers that take longer than the server waits.

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use shared::prelude::*;

use crate::handlers::{keep_two, service};
use crate::script::Script;
use crate::surroundings::{Surroundings, cases, commit, kept, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [],
    lasting: [],
    on_nats: [a_slow_handler_runs_once],
}

async fn a_slow_handler_runs_once(mut place: Surroundings) {
    const ACK_WAIT: Duration = Duration::from_secs(1);
    place.config.ack_wait = ACK_WAIT;
    // The work itself, not a wait for something: the server's patience is the fault under test.
    let script = Script::new(async |call| {
        if call.number == 1 {
            tokio::time::sleep(3 * ACK_WAIT).await;
        }
        Ok(())
    });
    let running = place.start([service("one", &script).subscribe(subscribers![keep_two])]).await;
    // The second one waits behind the first, held by this process all the while.
    commit(running.db(), [taken("a", 1), taken("a", 2), taken("b", 3)]).await;
    settle(&running).await;

    assert_eq!(kept(running.db(), "keep_two").await, [1, 2, 3]);
    assert_eq!(script.begun().len(), 3);
    let suppressed = running.db().inbox().duplicates_suppressed().await;
    assert_eq!(suppressed.expect("it can be read"), 0);
    let jetstream = async_nats::jetstream::new(place.client().await);
    let stream = jetstream.get_stream("NOTE").await.expect("the stream is there");
    let consumer = stream.get_consumer::<pull::Config>("one_keep_two").await;
    let consumer = consumer.expect("the consumer is there");
    let info = consumer.cached_info();
    assert_eq!(info.config.ack_wait, ACK_WAIT);
    assert_eq!(info.num_redelivered, 0);
    assert_eq!(info.delivered.consumer_sequence, 3, "each was delivered once");
    running.shutdown().await.expect("it ends in time");
}
