//! Questions and answers.

use std::sync::Arc;
use std::time::Duration;

use shared::prelude::*;
use shared::{ErrorKind, Running};
use tests::{equal, eventually};

use crate::script::Gate;
use crate::surroundings::{SOON, Surroundings, cases};
use crate::vocabulary::{NewNote, Note};

cases! {
    everywhere: [
        a_query_is_answered_in_the_context_of_its_asker,
        what_goes_wrong_there_is_a_typed_error_here,
        a_question_that_breaks_its_rules_is_not_sent,
        nobody_who_answers_is_an_error_at_once,
        an_answer_that_does_not_come_is_a_timeout,
        the_time_of_the_asker_is_that_of_further_questions,
        the_transaction_commits_before_the_answer_and_rolls_back_with_an_error,
        too_many_requests_are_answered_as_busy,
        what_runs_is_answered_at_shutdown,
        what_runs_too_long_is_cancelled_at_shutdown,
        two_responders_of_one_query_are_refused,
    ],
    lasting: [],
    on_nats: [
        the_service_api_shows_who_answers,
        other_clients_ask_without_headers_and_are_answered,
        an_error_of_another_library_keeps_its_code_and_not_its_text,
        what_another_program_asks_wrongly_is_refused,
        processes_share_the_requests,
    ],
}

/// What is asked of the responder of this suite.
#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "note.ask", reply = Told)]
pub(crate) struct Ask {
    #[validate(length(min = 1, max = 20))]
    what: String,
    #[validate(range(max = 100))]
    number: u32,
}

/// What it answers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    number: u32,
    correlation: String,
    actor: Option<String>,
    source: Option<String>,
}

/// A question that is asked in order to answer another one.
#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "note.pass_on", reply = Vec<u32>)]
pub(crate) struct PassOn {
    number: u32,
}

fn ask(what: &str, number: u32) -> Ask {
    Ask { what: what.to_owned(), number }
}

/// What the responders need.
#[derive(Clone)]
struct Door {
    gate: Gate,
    begun: Arc<std::sync::atomic::AtomicU32>,
    process: u32,
}

impl Door {
    fn new(process: u32) -> Self {
        Self { gate: Gate::closed(), begun: Arc::default(), process }
    }

    fn begun(&self) -> u32 {
        self.begun.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// Does what it is told.
#[respond("note.ask")]
async fn tell(query: Ask, db: &Db, meta: &Metadata, State(door): State<Door>) -> Result<Told> {
    door.begun.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    match query.what.as_str() {
        "missing" => return Err(Error::NotFound { entity: "Note" }),
        "own" => return Err(Error::permanent("SENTINEL")),
        "panic" => panic!("SENTINEL"),
        "invalid" => ask("", 1_000).validate()?,
        "wait" => door.gate.pass().await,
        "process" => {
            return Ok(Told { number: door.process, correlation: String::new(), actor: None, source: None });
        }
        _ => db.ping().await?,
    }
    Ok(Told {
        number: query.number,
        correlation: meta.correlation_id.to_string(),
        actor: meta.actor.as_ref().map(ToString::to_string),
        source: meta.source.clone(),
    })
}

/// Asks somebody else.
#[respond("note.pass_on")]
async fn pass_on(query: PassOn, bus: &Bus) -> Result<Vec<u32>> {
    let what = if query.number == 0 { "wait" } else { "number" };
    let told = bus.request_within(Duration::from_secs(3_600), &ask(what, query.number)).await?;
    Ok(vec![told.number])
}

/// Writes a note, in a transaction.
#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "note.write", reply = Uuid)]
pub(crate) struct Write {
    number: i32,
}

#[respond("note.write", concurrency = 4)]
async fn write(query: Write, tx: &mut Tx) -> Result<Uuid> {
    let new = NewNote { subscriber: "write".into(), topic: "a".into(), number: query.number };
    let note = tx.repo::<Note>().create(new).await?;
    if query.number < 0 { Err(Error::NotFound { entity: "Note" }) } else { Ok(note.id) }
}

/// One at a time.
#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "note.queue", reply = ())]
pub(crate) struct Queue {}

#[respond("note.queue", concurrency = 1)]
async fn queue(_query: Queue, State(door): State<Door>) {
    door.begun.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    door.gate.pass().await;
}

fn service(door: &Door) -> Service {
    Service::new("telling")
        .version("1.2.3")
        .docs("Tells what it is asked.")
        .entities(entities![Note])
        .respond(responders![tell, pass_on, write, queue])
        .state(door.clone())
}

async fn start(place: &Surroundings) -> (Running, Door) {
    let door = Door::new(1);
    (place.start([service(&door)]).await, door)
}

async fn end(running: Running) {
    running.shutdown().await.expect("it ends in time");
}

async fn begun(door: &Door, calls: u32) {
    eventually(SOON, async || equal(door.begun(), calls)).await;
}

async fn a_query_is_answered_in_the_context_of_its_asker(place: Surroundings) {
    let (running, _) = start(&place).await;
    let bus = running.bus().with_source("asking");
    let context = Context::new().correlation("request-7").actor("dr-1");
    let told = context.scope(async { bus.request(&ask("number", 7)).await }).await.expect("it is answered");
    let expected =
        Told { number: 7, correlation: "request-7".into(), actor: Some("dr-1".into()), source: Some("/asking".into()) };
    assert_eq!(told, expected);
    assert_eq!(bus.request(&PassOn { number: 3 }).await.expect("it is answered"), [3]);
    end(running).await;
}

async fn what_goes_wrong_there_is_a_typed_error_here(place: Surroundings) {
    let (running, _) = start(&place).await;
    for (what, kind, status, said) in [
        ("missing", ErrorKind::NotFound, 404, "`Note` not found"),
        ("own", ErrorKind::Permanent, 500, "its log says why"),
        ("panic", ErrorKind::Other, 500, "its log says why"),
        ("invalid", ErrorKind::Invalid, 422, "/number must be"),
    ] {
        let error = running.bus().request(&ask(what, 1)).await.expect_err("it is an error");
        assert_eq!((error.kind(), error.http_status()), (kind, status), "{error}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(said) && text.contains("note.ask") && !text.contains("SENTINEL"), "{text}");
        let Error::Remote(remote) = error else { panic!("{text}") };
        let paths: Vec<&str> = remote.violations.iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!(paths, if what == "invalid" { vec!["/what", "/number"] } else { vec![] });
    }
    // nothing of that has hurt the responder
    assert_eq!(running.bus().request(&ask("number", 7)).await.expect("it is answered").number, 7);
    end(running).await;
}

async fn a_question_that_breaks_its_rules_is_not_sent(place: Surroundings) {
    let (running, door) = start(&place).await;
    let error = running.bus().request(&ask("number", 1_000)).await.expect_err("it is not valid");
    assert!(matches!(&error, Error::Invalid(violations) if violations.of() == "Ask"), "{error:?}");
    assert_eq!(door.begun(), 0);
    end(running).await;
}

async fn nobody_who_answers_is_an_error_at_once(place: Surroundings) {
    let script = Service::new("silent");
    let running = place.start([script]).await;
    let patience = SOON * 2;
    let error = tokio::time::timeout(SOON, running.bus().request_within(patience, &ask("number", 1))).await;
    let error = error.expect("nobody waits").expect_err("nobody answers");
    assert!(matches!(error, Error::NoResponders { subject: "note.ask" }), "{error:?}");
    assert!(error.is_retryable() && error.to_string().contains("`note.ask`"), "{error}");
    end(running).await;
}

async fn an_answer_that_does_not_come_is_a_timeout(place: Surroundings) {
    let (running, door) = start(&place).await;
    let error = running.bus().request_within(Duration::from_millis(300), &ask("wait", 1)).await;
    let error = error.expect_err("it does not come");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    door.gate.open();
    assert_eq!(running.bus().request(&ask("wait", 7)).await.expect("it is answered").number, 7);
    end(running).await;
}

async fn the_time_of_the_asker_is_that_of_further_questions(place: Surroundings) {
    let (running, door) = start(&place).await;
    // the one in the middle is ready to wait for an hour
    let error = running.bus().request_within(Duration::from_millis(500), &PassOn { number: 0 }).await;
    assert_eq!(error.expect_err("it does not come").kind(), ErrorKind::Timeout);
    begun(&door, 1).await;
    // its own question has ended with it, or the shutdown would have to cancel it
    end(running).await;
}

async fn the_transaction_commits_before_the_answer_and_rolls_back_with_an_error(place: Surroundings) {
    let (running, _) = start(&place).await;
    let id = running.bus().request(&Write { number: 1 }).await.expect("it is answered");
    assert_eq!(running.db().repo::<Note>().get(id).await.expect("it is there").number, 1);
    let error = running.bus().request(&Write { number: -1 }).await.expect_err("it is an error");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(running.db().repo::<Note>().query().count().await.expect("they are counted"), 1);
    end(running).await;
}

async fn too_many_requests_are_answered_as_busy(place: Surroundings) {
    let (running, door) = start(&place).await;
    let ask = |bus: Bus| async move { bus.request_within(SOON, &Queue {}).await };
    // one is answered, eight wait
    let mut asking: tokio::task::JoinSet<_> = (0..20).map(|_| ask(running.bus().clone())).collect();
    for _ in 0..11 {
        let refused = asking.join_next().await.expect("there are some").expect("it asks");
        let error = refused.expect_err("there are too many");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Busy, true), "{error:?}");
    }
    assert_eq!(door.begun(), 1);
    door.gate.open();
    while let Some(answered) = asking.join_next().await {
        answered.expect("it asks").expect("it is answered");
    }
    assert_eq!(door.begun(), 9);
    end(running).await;
}

async fn what_runs_is_answered_at_shutdown(place: Surroundings) {
    let (running, door) = start(&place).await;
    let other = if place.on_nats() { Some(bus_of(&place).await) } else { None };
    let bus = other.unwrap_or_else(|| running.bus().clone());
    let asking = tokio::spawn({
        let bus = bus.clone();
        async move { bus.request_within(SOON, &ask("wait", 7)).await }
    });
    begun(&door, 1).await;
    let ending = tokio::spawn(running.shutdown());
    // nothing new is taken
    eventually(SOON, async || {
        let asked = bus.request_within(Duration::from_millis(200), &ask("number", 1)).await;
        match asked {
            Err(Error::NoResponders { .. }) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    door.gate.open();
    assert_eq!(asking.await.expect("it asks").expect("it is answered").number, 7);
    ending.await.expect("it ends").expect("it ends in time");
}

async fn bus_of(place: &Surroundings) -> Bus {
    Bus::from_config(&place.config).await.expect("the server lets us in")
}

async fn what_runs_too_long_is_cancelled_at_shutdown(mut place: Surroundings) {
    place.config.shutdown_timeout = Duration::from_millis(100);
    let (running, door) = start(&place).await;
    let bus = running.bus().clone();
    let asking = tokio::spawn(async move { bus.request_within(Duration::from_secs(2), &ask("wait", 7)).await });
    begun(&door, 1).await;
    let ended = running.shutdown().await;
    assert!(matches!(ended, Err(Error::Timeout { .. })), "{ended:?}");
    let asked = asking.await.expect("it asks");
    assert!(asked.is_err(), "{asked:?}");
}

async fn two_responders_of_one_query_are_refused(place: Surroundings) {
    let door = Door::new(1);
    let twice = service(&door).respond(responders![tell]);
    let error = shared::start(&place.config, [twice]).await.expect_err("it does not start").to_string();
    for part in ["query `note.ask`", "requests.rs:", "help: "] {
        assert!(error.contains(part), "{error}");
    }
}

async fn asked(client: &async_nats::Client, subject: &str, payload: &str) -> async_nats::Message {
    let answer = client.request(subject.to_owned(), payload.to_owned().into()).await;
    answer.expect("it is answered")
}

fn header(message: &async_nats::Message, name: &str) -> Option<String> {
    message.headers.as_ref()?.get(name).map(|value| value.to_string())
}

async fn the_service_api_shows_who_answers(place: Surroundings) {
    let (running, _) = start(&place).await;
    running.bus().request(&ask("number", 1)).await.expect("it is answered");
    running.bus().request(&ask("missing", 1)).await.expect_err("it is an error");
    let client = place.client().await;
    let told = async |verb: &str| -> serde_json::Value {
        let answer = asked(&client, &format!("$SRV.{verb}.telling"), "").await;
        serde_json::from_slice(&answer.payload).expect("it is JSON")
    };
    let ping = told("PING").await;
    assert_eq!((&ping["name"], &ping["version"]), (&"telling".into(), &"1.2.3".into()));
    let info = told("INFO").await;
    assert_eq!(info["description"], "Tells what it is asked.");
    let subjects: Vec<&str> =
        info["endpoints"].as_array().expect("a list").iter().filter_map(|one| one["subject"].as_str()).collect();
    assert!(subjects.contains(&"rpc.note.ask") && subjects.len() == 4, "{subjects:?}");
    let stats = told("STATS").await;
    let endpoints = stats["endpoints"].as_array().expect("a list");
    let tell = endpoints.iter().find(|one| one["name"] == "tell").expect("it is there");
    assert_eq!((&tell["num_requests"], &tell["num_errors"]), (&2.into(), &1.into()));
    end(running).await;
}

async fn other_clients_ask_without_headers_and_are_answered(place: Surroundings) {
    let (running, _) = start(&place).await;
    let client = place.client().await;
    let answer = asked(&client, "rpc.note.ask", r#"{"what": "number", "number": 7}"#).await;
    let told: Told = serde_json::from_slice(&answer.payload).expect("it is the reply");
    assert_eq!((told.number, told.source), (7, None));
    let answer = asked(&client, "rpc.note.ask", r#"{"what": "missing", "number": 7}"#).await;
    assert_eq!(header(&answer, "Nats-Service-Error-Code").as_deref(), Some("404"));
    assert_eq!(header(&answer, "Nats-Service-Error").as_deref(), Some("`Note` not found"));
    end(running).await;
}

async fn an_error_of_another_library_keeps_its_code_and_not_its_text(place: Surroundings) {
    use async_nats::service::ServiceExt as _;
    use futures_util::StreamExt as _;
    let client = place.client().await;
    let foreign = client.service_builder().start("foreign", "1.0.0").await.expect("it is announced");
    let mut endpoint = foreign.endpoint("rpc.note.ask").await.expect("it is subscribed");
    client.flush().await.expect("the server is there");
    let answering = tokio::spawn(async move {
        let request = endpoint.next().await.expect("a request");
        let error = async_nats::service::error::Error { status: "SENTINEL".into(), code: 404 };
        request.respond(Err(error)).await.expect("it is sent");
        let request = endpoint.next().await.expect("a request");
        request.respond(Ok(r#"{"number": "SENTINEL"}"#.into())).await.expect("it is sent");
    });
    let bus = bus_of(&place).await;
    let error = eventually(SOON, async || match bus.request(&ask("number", 1)).await {
        Err(Error::NoResponders { .. }) => Err("it is not there yet".to_owned()),
        other => Ok(other),
    })
    .await
    .expect_err("it is an error");
    let text = format!("{error} {error:?}");
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Other, 404), "{text}");
    assert!(!text.contains("SENTINEL"), "{text}");
    let error = bus.request(&ask("number", 1)).await.expect_err("it is no reply");
    let text = format!("{error} {error:?}");
    assert!(matches!(error, Error::Decode(_)) && !text.contains("SENTINEL"), "{text}");
    answering.await.expect("it answers");
}

async fn what_another_program_asks_wrongly_is_refused(place: Surroundings) {
    let (running, door) = start(&place).await;
    let client = place.client().await;
    for (payload, code, said) in [
        ("{", "400", "ends in the middle"),
        (r#"{"what": "number"}"#, "422", "/number"),
        (r#"{"what": "", "number": 1000}"#, "422", "/what must be"),
        (r#"{"what": "x", "number": 1, "number": 2}"#, "422", "twice"),
    ] {
        let answer = asked(&client, "rpc.note.ask", payload).await;
        assert_eq!(header(&answer, "Nats-Service-Error-Code").as_deref(), Some(code), "{payload}");
        let text = header(&answer, "Nats-Service-Error").unwrap_or_default();
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(door.begun(), 0);
    end(running).await;
}

async fn processes_share_the_requests(place: Surroundings) {
    let doors = [Door::new(1), Door::new(2)];
    let mut processes = Vec::new();
    for door in &doors {
        processes.push(place.start([service(door)]).await);
    }
    let bus = bus_of(&place).await;
    let mut answered = std::collections::BTreeSet::new();
    for _ in 0..200 {
        answered.insert(bus.request(&ask("process", 1)).await.expect("it is answered").number);
    }
    assert_eq!(answered.into_iter().collect::<Vec<_>>(), [1, 2]);
    // one goes, the other one goes on
    end(processes.remove(0)).await;
    for _ in 0..20 {
        assert_eq!(bus.request(&ask("process", 1)).await.expect("it is answered").number, 2);
    }
    end(processes.remove(0)).await;
}
