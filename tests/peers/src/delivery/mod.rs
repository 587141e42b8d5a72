//! How events are delivered, next to the same by hand; see [`options::HELP`].

mod contest;
mod inbox;
mod latency;
mod meter;
mod options;
mod outage;
mod place;
mod relay;
mod stream;
mod syncing;
mod transaction;
mod vocabulary;

use std::process;

use tokio::runtime::Builder;

use self::options::{HELP, Options};
use self::place::Place;
use self::transaction::Transaction;

pub fn run(arguments: &[String]) {
    let options = match Options::read(arguments) {
        Ok(Some(options)) => options,
        Ok(None) => return print!("{HELP}"),
        Err(mistake) => {
            eprintln!("delivery: {mistake}; see `delivery --help`");
            process::exit(2);
        }
    };
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if contest::counts() {
            contest::run_counted(Transaction::<1>::new()).await;
            contest::run_counted(relay::Relay::default()).await;
            contest::run_counted(syncing::Syncing::default()).await;
            contest::run_counted(inbox::Inbox::default()).await;
            contest::run_counted(stream::Publishing::default()).await;
            contest::run_counted(stream::Consuming::default()).await;
            return;
        }
        let mut place = Place::open().await;
        contest::run(Transaction::<1>::new(), &mut place, &options).await;
        contest::run(Transaction::<8>::new(), &mut place, &options).await;
        contest::run(relay::Relay::default(), &mut place, &options).await;
        contest::run(inbox::Inbox::default(), &mut place, &options).await;
        contest::run(stream::Publishing::default(), &mut place, &options).await;
        contest::run(stream::Consuming::default(), &mut place, &options).await;
        let mut syncing = Place::open_syncing().await;
        contest::run(syncing::Syncing::default(), &mut syncing, &options).await;
        latency::run(&mut place, &options).await;
        outage::run(&mut place, &options).await;
    });
}
