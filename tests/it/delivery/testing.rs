//! `TestService`: what a user's unit test stands on.

use shared::prelude::*;
use shared::testing::TestService;

use crate::handlers::{copy, keep, look, service};
use crate::script::Script;
use crate::surroundings::kept;
use crate::vocabulary::{CopyMade, Note, NoteTaken, taken};

async fn start(script: &Script, subscribers: Vec<shared::service::Subscriber>) -> TestService {
    TestService::start([service("one", script).subscribe(subscribers)]).await.expect("it starts")
}

#[tokio::test]
async fn it_publishes_settles_and_shows() -> Result<()> {
    let script = Script::succeed();
    let service = start(&script, subscribers![copy, look].into()).await;
    service.publish(taken("a", 1)).await?;
    service.publish(&taken("b", 2)).await?;
    service.settled().await?;

    assert_eq!(service.repo::<Note>().query().all().await?.len(), 6);
    assert_eq!(service.published::<NoteTaken>().await?, [taken("a", 1), taken("b", 2)]);
    let copies = service.published::<CopyMade>().await?;
    assert_eq!(copies.len(), 4);
    assert_eq!(copies[0].topic, "a on the way");
    assert!(service.dead_letters().await?.is_empty());
    service.shutdown().await
}

#[tokio::test]
async fn it_refuses_what_breaks_its_rules() -> Result<()> {
    let script = Script::succeed();
    let service = start(&script, subscribers![keep].into()).await;
    let refused = service.publish(taken("a", 1001)).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    service.settled().await?;
    assert!(script.begun().is_empty());
    assert!(service.published::<NoteTaken>().await?.is_empty());
    service.shutdown().await
}

#[tokio::test]
async fn handlers_see_the_clock_that_the_test_moves() -> Result<()> {
    let script = Script::succeed();
    let service = start(&script, subscribers![copy].into()).await;
    let before = time::now();
    service.clock().advance(TimeDelta::days(400));
    service.publish(taken("a", 1)).await?;
    service.settled().await?;
    let call = script.done().remove(0);
    assert!(call.at - before >= TimeDelta::days(400), "{}", call.at);
    let published = call.meta.time.expect("it has a time");
    assert!(published - before >= TimeDelta::days(400), "{published}");

    service.clock().advance(TimeDelta::days(-800));
    service.publish(taken("a", 2)).await?;
    service.settled().await?;
    assert!(script.done()[1].at < before);
    assert_eq!(kept(service.db(), "copy").await, [1, 2]);
    service.shutdown().await
}

#[tokio::test]
async fn it_shows_what_could_not_be_handled() -> Result<()> {
    let script = Script::new(async |_| Err(Error::permanent("no")));
    let service = start(&script, subscribers![keep].into()).await;
    service.publish(taken("a", 1)).await?;
    service.settled().await?;
    let letters = service.dead_letters().await?;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].subscription.as_str(), letters[0].reason.as_str()), ("one_keep", "permanent"));
    service.shutdown().await
}

#[tokio::test]
async fn several_run_side_by_side_without_meeting() -> Result<()> {
    let (one, two) = (Script::succeed(), Script::succeed());
    let first = start(&one, subscribers![keep].into()).await;
    let second = start(&two, subscribers![keep].into()).await;
    first.publish(taken("a", 1)).await?;
    first.settled().await?;
    second.settled().await?;
    assert_eq!((one.done().len(), two.done().len()), (1, 0));
    assert_eq!(kept(second.db(), "keep").await, [0; 0]);
    first.shutdown().await?;
    second.shutdown().await
}
