//! Handlers that take longer than the server waits, and servers that have nothing to say for a while.

use std::time::Duration;

use async_nats::StatusCode;
use async_nats::jetstream::consumer::pull;
use futures_util::{FutureExt as _, StreamExt as _};
use shared::prelude::*;
use tests::{equal, eventually};

use crate::handlers::{keep, keep_two, service};
use crate::script::Script;
use crate::surroundings::{SOON, Surroundings, cases, commit, kept, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [],
    lasting: [],
    on_nats: [a_slow_handler_runs_once, a_message_after_a_silence_is_taken_at_once],
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

async fn a_message_after_a_silence_is_taken_at_once(place: Surroundings) {
    // The silence itself: long enough for a request for messages to have grown old, and not to have ended.
    const SILENCE: Duration = Duration::from_secs(3);
    let script = Script::succeed();
    let running = place.start([service("one", &script).subscribe(subscribers![keep])]).await;
    let client = place.client().await;
    let mut requests =
        client.subscribe("$JS.API.CONSUMER.MSG.NEXT.NOTE.one_keep").await.expect("the server lets us listen");
    let mut answers = client.subscribe("_INBOX.>").await.expect("the server lets us listen");
    client.flush().await.expect("the server is there");
    // A busy machine may be late now and then, but not every time.
    for number in 1..=5 {
        while requests.next().now_or_never().is_some() {}
        let inbox = requests.next().await.and_then(|request| request.reply).expect("a request with a reply subject");
        tokio::time::sleep(SILENCE).await;
        commit(running.db(), [taken("a", number)]).await;
        eventually(SOON, async || equal(script.done().len() as u32, number)).await;
        let mut ended = false;
        while let Some(Some(answer)) = answers.next().now_or_never() {
            ended |= answer.subject == inbox && answer.status == Some(StatusCode::TIMEOUT);
        }
        if !ended {
            running.shutdown().await.expect("it ends in time");
            return;
        }
    }
    panic!("each message waited for the end of the request that it answered");
}
