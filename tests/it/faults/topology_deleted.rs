//! Somebody deletes a consumer or a stream on the server.

use async_nats::jetstream;
use tests::{Nats, Postgres};

use crate::place::Place;

async fn server(nats: &Nats) -> jetstream::Context {
    jetstream::new(async_nats::connect(nats.url()).await.expect("the server lets us in"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_made_again_and_reported() {
    let nats = Nats::start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    let child = place.serve().await;
    let writers = place.writers(2);
    place.handled(30).await;
    let server = server(&nats).await;
    for (stream, consumer) in [("ENTRY", "ledger_post"), ("POSTING", "office_report")] {
        let stream = server.get_stream(stream).await.expect("it is there");
        stream.delete_consumer(consumer).await.expect("it can be deleted");
    }
    place.written(30).await;
    writers.stop().await;
    place.holds().await;
    for consumer in ["ledger_post", "office_report"] {
        let reported = |line: &str| line.contains("it was made again") && line.contains(consumer);
        assert!(child.log().lines().any(reported), "{consumer}");
    }
    place.holds_and_ends([child]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_made_again_and_reported() {
    let nats = Nats::start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    let child = place.serve().await;
    let writers = place.writers(2);
    place.handled(30).await;
    let server = server(&nats).await;
    for stream in ["ENTRY", "POSTING"] {
        server.delete_stream(stream).await.expect("it can be deleted");
    }
    place.written(30).await;
    writers.stop().await;
    place.holds_and_ends([child]).await;
}
