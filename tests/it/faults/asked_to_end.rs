//! SIGTERM under load, again and again.

use tests::{Nats, Postgres, Signal};

use crate::child::{Child, FAILING};
use crate::place::{BOTH, LONG, Place};

const RUNS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn each_process_ends_well_and_gives_back_what_it_held() {
    let nats = Nats::start().await;
    let place = Place::on(Postgres::shared().await, &nats).await;
    let writers = place.writers(4);
    // What is not given back comes again after that time, which is longer than all of this may take.
    let launch = || place.child(BOTH).env("NATS_ACK_WAIT", "1h").env("SHUTDOWN_TIMEOUT", "60s").env(FAILING, "5");
    for run in 0..RUNS {
        let child = Child::ready(launch()).await;
        place.handled(20).await;
        child.signal(Signal::Term);
        let status = child.ended(LONG).await;
        assert!(status.success(), "run {run}: {status}");
    }
    writers.stop().await;
    let child = Child::ready(launch()).await;
    let figures = place.holds_and_ends([child]).await;
    assert!(figures.handled >= 20 * RUNS, "{figures:?}");
}
