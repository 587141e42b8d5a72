//! Services that cannot start, and say why.

use shared::prelude::*;

use crate::handlers::{keep, keep_all, service};
use crate::script::Script;
use crate::surroundings::{Database, Surroundings, Transport, cases, commit, kept, settle};
use crate::vocabulary::taken;

cases! {
    everywhere: [],
    lasting: [without_a_server_a_second_process_is_refused],
    on_nats: [a_consumer_with_another_subject_is_refused, a_stream_of_another_name_with_the_subjects_is_refused],
}

async fn refused(place: &Surroundings, services: Vec<Service>) -> String {
    match shared::start(&place.config, services).await {
        Err(error @ Error::Config(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[tokio::test]
async fn a_state_that_was_not_given_is_named() {
    let place = Surroundings::new(Database::Memory, Transport::InProcess).await;
    let service = Service::new("one").subscribe(subscribers![keep]);
    let text = refused(&place, vec![service]).await;
    says(&text, &["`Service::state`", "script::Script", "help: add `.state(..)`"]);
}

#[tokio::test]
async fn two_subscribers_with_one_durable_name_are_named_by_place() {
    let place = Surroundings::new(Database::Memory, Transport::InProcess).await;
    let script = Script::succeed();
    let services = vec![
        service("one", &script).subscribe(subscribers![keep]),
        service("one", &script).subscribe(subscribers![keep]),
    ];
    let text = refused(&place, services).await;
    says(&text, &["subscription `one_keep`", "two subscribers", "handlers.rs:", "help: ", "name = "]);

    let within_one = vec![service("one", &script).subscribe(subscribers![keep, keep])];
    says(&refused(&place, within_one).await, &["subscription `one_keep`"]);
}

mod elsewhere {
    use super::*;

    /// Speaks of the same subject in another way.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(subject = "note.taken", type = "note.jotted")]
    pub(super) struct Jotted {
        line: String,
    }

    #[subscribe("note.taken")]
    pub(super) async fn read(event: Jotted) {
        drop(event.line);
    }

    /// Has the name of another subject's event.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(subject = "memo.taken", type = "note.taken")]
    pub(super) struct Memo {
        line: String,
    }

    #[subscribe("memo.taken")]
    pub(super) async fn read_memo(event: Memo) {
        drop(event.line);
    }
}

#[tokio::test]
async fn two_event_types_with_one_subject_or_name_are_named_by_place() {
    let place = Surroundings::new(Database::Memory, Transport::InProcess).await;
    let script = Script::succeed();
    let services = vec![
        service("one", &script).subscribe(subscribers![keep]),
        service("two", &script).subscribe(subscribers![elsewhere::read]),
    ];
    let parts = ["`note.taken`", "two event types", "`NoteTaken`", "vocabulary.rs:", "starting.rs:", "help: "];
    let text = refused(&place, services).await;
    says(&text, &parts);
    says(&text, &["event subject", "`Jotted`"]);

    let services = vec![service("one", &script).subscribe(subscribers![keep, elsewhere::read_memo])];
    let text = refused(&place, services).await;
    says(&text, &parts);
    says(&text, &["event type name", "`Memo`"]);
}

#[tokio::test]
async fn a_raw_pattern_that_is_none_is_named() {
    let place = Surroundings::new(Database::Memory, Transport::InProcess).await;
    for pattern in ["a..b", "a.>.b", ">", "*.taken", "a*"] {
        let service = Service::new("one").subscribe_raw("watch", pattern, |_, _, _| Box::pin(async { Ok(()) }));
        let text = refused(&place, vec![service]).await;
        says(&text, &["subscription `one_watch`", &format!("`{pattern}`"), "starting.rs:", "help: "]);
    }
}

async fn without_a_server_a_second_process_is_refused(place: Surroundings) {
    let script = Script::succeed();
    let one = || vec![service("one", &script).subscribe(subscribers![keep])];
    let two = || vec![service("two", &script).subscribe(subscribers![keep_all])];
    let first = place.start(one()).await;
    if place.on_nats() {
        // There they share the work.
        place.start(two()).await.shutdown().await.expect("it ends in time");
    } else {
        let text = refused(&place, two()).await;
        says(&text, &["`NATS_URL`", "another process", "help: "]);
    }
    first.shutdown().await.expect("it ends in time");
    let second = place.start(two()).await;
    commit(second.db(), [taken("a", 1)]).await;
    settle(&second).await;
    assert_eq!(kept(second.db(), "keep_all").await, [1]);
    second.shutdown().await.expect("it ends in time");
}

async fn a_consumer_with_another_subject_is_refused(place: Surroundings) {
    let script = Script::succeed();
    let start = async |service| shared::start(&place.config, [service]).await;
    let running = start(service("one", &script).subscribe(subscribers![keep])).await;
    let running = running.expect("it starts");
    commit(running.db(), [taken("a", 1)]).await;
    settle(&running).await;
    running.shutdown().await.expect("it ends in time");

    let renamed = vec![service("one", &script).subscribe(subscribers![renamed::keep])];
    let text = refused(&place, renamed).await;
    says(&text, &["`NATS_URL`", "`one_keep`", "`note.taken`", "`note.*`", "help: ", "nats consumer rm NOTE one_keep"]);

    // The old one goes on as it was.
    let running = start(service("one", &script).subscribe(subscribers![keep])).await;
    let running = running.expect("it starts");
    commit(running.db(), [taken("a", 2)]).await;
    settle(&running).await;
    assert_eq!(kept(running.db(), "keep").await, [1, 2]);
    running.shutdown().await.expect("it ends in time");
}

mod renamed {
    use super::*;
    use crate::vocabulary::NoteEvent;

    /// Takes more than the subscriber that once had this name.
    #[subscribe("note.*")]
    pub(super) async fn keep(event: NoteEvent, tx: &mut Tx) -> Result<()> {
        drop((event, tx));
        Ok(())
    }
}

async fn a_stream_of_another_name_with_the_subjects_is_refused(place: Surroundings) {
    use async_nats::jetstream::{self, stream};
    let jetstream = jetstream::new(place.client().await);
    let script = Script::succeed();
    let overlapping =
        stream::Config { name: "OTHER".into(), subjects: vec!["note.taken".into()], ..stream::Config::default() };
    jetstream.create_stream(overlapping).await.expect("the stream is made");
    let text = refused(&place, vec![service("one", &script).subscribe(subscribers![keep_all])]).await;
    says(&text, &["`NATS_URL`", "`note`", "another name", "help: "]);
}
