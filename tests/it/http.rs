//! Errors as answers, contexts of requests, bodies and handles as arguments.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRef, Path};
use axum::http::{Request, Response, StatusCode, header};
use axum::routing::{get, post};
use serde_json::{Value, json};
use shared::error::{DatabaseError, DecodeCode, DecodeError};
use shared::http::{CORRELATION_HEADER, CorrelationLayer, Handles, Problem, Valid};
use shared::prelude::*;
use shared::validate::Checker;
use tower::ServiceExt as _;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A thing with a name that no other one has.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "things")]
struct Thing {
    #[entity(id)]
    id: Uuid,
    #[entity(unique)]
    name: String,
}

/// A thing was named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "thing.named", key = thing_id)]
struct Named {
    thing_id: Uuid,
}

#[derive(Debug, Deserialize, Validate)]
struct Naming {
    #[validate(length(min = 1, max = 8))]
    name: String,
    #[validate(range(min = 5, max = 480))]
    minutes: u32,
    #[serde(default)]
    #[validate(nested)]
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize, Validate)]
struct Line {
    #[validate(email)]
    to: Phi<String>,
}

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.expect("an answer")
}

async fn text(response: Response<Body>) -> String {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("a text")
}

/// The problem that an answer is; checks what all of them have.
async fn problem(response: Response<Body>) -> Value {
    let status = response.status();
    let content_type = response.headers()[header::CONTENT_TYPE].clone();
    assert_eq!(content_type, "application/problem+json");
    let text = text(response).await;
    assert!(!text.contains("sentinel"), "{text}");
    let problem: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["title"], status.canonical_reason().expect("a known status"));
    assert!(problem["correlation_id"].as_str().is_some_and(|id| !id.is_empty()), "{problem}");
    problem
}

fn get_request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

fn json_request(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    request.body(body.into()).expect("a request")
}

/// Answers with an error of each kind.
fn failing(make: impl Fn() -> Error + Clone + Send + Sync + 'static) -> Router {
    let handler = move || {
        let error = make();
        async move { Err::<(), _>(error) }
    };
    Router::new().route("/", get(handler)).layer(CorrelationLayer)
}

fn violations() -> Error {
    let mut checker = Checker::default();
    checker.field("minutes", |checker| checker.violation("range", "5 to 480"));
    checker.field("name", |checker| checker.violation("length", "at least 1 long"));
    Error::Invalid(checker.finish("Naming").expect_err("there are two"))
}

fn decode(code: DecodeCode) -> Error {
    Error::Decode(DecodeError { what: "Naming".into(), path: "/minutes".into(), code })
}

/// What makes an error of a kind.
type Make = Arc<dyn Fn() -> Error + Send + Sync>;

#[tokio::test]
async fn each_kind_of_error_has_its_status_and_shows_no_values() {
    let cause = || Box::<dyn std::error::Error + Send + Sync>::from("sentinel");
    let make = |make: fn() -> Error| -> Make { Arc::new(make) };
    let kinds: Vec<(Make, u16, &str)> = vec![
        (make(|| Error::NotFound { entity: "Thing" }), 404, "not_found"),
        (make(|| Error::Unique { entity: "Thing".into(), fields: vec!["name".into()] }), 409, "unique"),
        (make(|| Error::ForeignKey { entity: "Thing".into(), fields: vec!["owner".into()] }), 409, "foreign_key"),
        (make(|| Error::Stale { entity: "Thing" }), 409, "stale"),
        (make(|| Error::Check { entity: "Thing".into(), constraint: "c".into(), fields: vec![] }), 422, "check"),
        (make(|| Error::Required { entity: "Thing".into(), field: "name".into() }), 422, "required"),
        (make(violations), 422, "invalid"),
        (make(|| decode(DecodeCode::WrongType)), 422, "decode"),
        (make(|| decode(DecodeCode::MissingField)), 422, "decode"),
        (make(|| decode(DecodeCode::Syntax)), 400, "decode"),
        (make(|| decode(DecodeCode::Truncated)), 400, "decode"),
        (make(|| decode(DecodeCode::NotUtf8)), 400, "decode"),
        // A row that cannot be read is no mistake of the caller's.
        (make(|| decode(DecodeCode::Column)), 500, "decode"),
        (make(|| Error::Cursor), 400, "cursor"),
        (make(|| Error::Busy { what: "the sentinel" }), 503, "busy"),
        (make(|| Error::Timeout { what: "the sentinel" }), 504, "timeout"),
        (Arc::new(move || Error::Unavailable { what: "sentinel".into(), source: Some(cause()) }), 503, "unavailable"),
        (
            make(|| Error::Database(DatabaseError { engine: "postgres", code: None, what: "sentinel".into() })),
            500,
            "database",
        ),
        (Arc::new(move || Error::Bus { what: "sentinel".into(), source: Some(cause()) }), 500, "bus"),
        (make(|| Error::Usage("sentinel".into())), 500, "usage"),
        (make(|| Error::config("SENTINEL", "sentinel", "sentinel")), 500, "config"),
        (make(|| Error::other("sentinel")), 500, "other"),
        (make(|| Error::permanent("sentinel")), 500, "permanent"),
    ];
    for (make, status, code) in kinds {
        let error = make();
        assert_eq!(error.http_status(), status, "{error:?}");
        let response = send(&failing(move || make()), get_request("/")).await;
        assert_eq!(response.status(), status, "{error:?}");
        let problem = problem(response).await;
        assert_eq!(problem["code"], code);
        // What went wrong inside is for the log.
        assert_eq!(problem["detail"].is_null(), status >= 500, "{problem}");
    }
}

#[tokio::test]
async fn problems_name_fields_and_rules() {
    let unique = || Error::Unique { entity: "Thing".into(), fields: vec!["owner".into(), "name".into()] };
    let answer = problem(send(&failing(unique), get_request("/")).await).await;
    assert_eq!(answer["fields"], json!(["owner", "name"]));
    assert_eq!(answer["detail"], unique().to_string());

    let answer = problem(send(&failing(violations), get_request("/")).await).await;
    let expected = json!([
        { "path": "/minutes", "rule": "range", "expected": "5 to 480" },
        { "path": "/name", "rule": "length", "expected": "at least 1 long" },
    ]);
    assert_eq!(answer["violations"], expected);
    assert!(answer.get("fields").is_none(), "{answer}");

    let own = get(async || Problem::new(StatusCode::GONE, "Gone").detail("it moved"));
    let answer = problem(send(&Router::new().route("/", own), get_request("/")).await).await;
    assert_eq!((answer["status"].as_u64(), &answer["detail"]), (Some(410), &json!("it moved")));
}

/// Answers with what the handler's context is.
fn reflecting() -> Router {
    let handler = async || {
        let context = Context::current();
        let trace = context.trace().map(ToString::to_string);
        axum::Json(json!({ "id": context.correlation_id().as_str(), "trace": trace, "state":
            context.trace().and_then(|trace| trace.state()) }))
    };
    Router::new().route("/", get(handler)).layer(CorrelationLayer)
}

async fn reflected(request: Request<Body>) -> (String, Value) {
    let response = send(&reflecting(), request).await;
    let header = response.headers()[CORRELATION_HEADER].to_str().expect("a text").to_owned();
    let seen: Value = serde_json::from_str(&text(response).await).expect("JSON");
    assert_eq!(seen["id"], header, "the answer carries the id that the handler saw");
    (header, seen)
}

#[tokio::test]
async fn a_correlation_id_is_taken_minted_or_replaced() {
    let with = |id: &[u8]| Request::get("/").header("X-Correlation-ID", id).body(Body::empty()).expect("a request");
    let (id, _) = reflected(with(b"request-7")).await;
    assert_eq!(id, "request-7");

    let (first, _) = reflected(get_request("/")).await;
    let (second, _) = reflected(get_request("/")).await;
    assert_ne!(first, second);
    assert!(first.parse::<Uuid>().is_ok(), "{first}");

    let long = "x".repeat(129);
    for bad in ["", "two words", "tab\there", long.as_str()] {
        let (id, _) = reflected(with(bad.as_bytes())).await;
        assert!(id.parse::<Uuid>().is_ok(), "{bad:?} became {id:?}");
    }
    let (id, _) = reflected(with(b"k\xe4se")).await;
    assert!(id.parse::<Uuid>().is_ok(), "{id}");
}

#[tokio::test]
async fn a_trace_is_continued() {
    let request = Request::get("/").header("traceparent", TRACE).header("tracestate", "vendor=x");
    let (_, seen) = reflected(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(seen["trace"], TRACE);
    assert_eq!(seen["state"], "vendor=x");
    for bad in ["nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let request = Request::get("/").header("traceparent", bad).body(Body::empty());
        let (_, seen) = reflected(request.expect("a request")).await;
        assert_eq!(seen["trace"], Value::Null);
    }
}

#[tokio::test]
async fn problems_carry_the_correlation_id_of_their_request() {
    let request = Request::get("/").header(CORRELATION_HEADER, "request-7").body(Body::empty());
    let response = send(&failing(|| Error::Cursor), request.expect("a request")).await;
    assert_eq!(response.headers()[CORRELATION_HEADER], "request-7");
    assert_eq!(problem(response).await["correlation_id"], "request-7");
}

fn naming() -> Router {
    let handler =
        async |Valid(naming): Valid<Naming>| format!("{} {} {}", naming.name, naming.minutes, naming.lines.len());
    Router::new().route("/", post(handler)).layer(CorrelationLayer)
}

#[tokio::test]
async fn a_valid_body_arrives() {
    let body = r#"{"name":"a","minutes":5,"lines":[{"to":"ada@example.org"}]}"#;
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/Ld+JSON"] {
        let request = Request::post("/").header(header::CONTENT_TYPE, content_type).body(body.into());
        let response = send(&naming(), request.expect("a request")).await;
        assert_eq!(response.status(), StatusCode::OK, "{content_type}");
        assert_eq!(text(response).await, "a 5 1");
    }
}

#[tokio::test]
async fn a_body_that_breaks_rules_is_answered_with_every_path() {
    let body = r#"{"name":"sentinel sentinel","minutes":481,"lines":[{"to":"a@example.org"},{"to":"sentinel"}]}"#;
    let response = send(&naming(), json_request("/", body)).await;
    assert_eq!(response.status(), 422);
    let answer = problem(response).await;
    assert_eq!(answer["code"], "invalid");
    let violations = answer["violations"].as_array().expect("a list");
    let paths: Vec<_> = violations.iter().map(|violation| (&violation["path"], &violation["rule"])).collect();
    let expected = [("/name", "length"), ("/minutes", "range"), ("/lines/1/to", "email")];
    let expected: Vec<_> = expected.iter().map(|(path, rule)| (json!(path), json!(rule))).collect();
    assert_eq!(paths, expected.iter().map(|(path, rule)| (path, rule)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_body_of_another_shape_is_answered_with_the_path() {
    for (body, path, rule) in [
        (r#"{"name":"a","minutes":"sentinel"}"#, "/minutes", "wrong_type"),
        (r#"{"name":"a","minutes":-1}"#, "/minutes", "number_out_of_range"),
        (r#"{"name":"sentinel"}"#, "/minutes", "missing_field"),
        (r#"{"name":"a","minutes":5,"lines":[{"to":["sentinel"]}]}"#, "/lines/0/to", "wrong_type"),
        (r#"["sentinel"]"#, "", "wrong_type"),
    ] {
        let response = send(&naming(), json_request("/", body)).await;
        assert_eq!(response.status(), 422, "{body}");
        let answer = problem(response).await;
        assert_eq!(answer["violations"][0]["path"], path, "{body}: {answer}");
        assert_eq!(answer["violations"][0]["rule"], rule, "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_by_what_it_is() {
    for body in ["sentinel", "{\"name\":\"sentinel", "{\"name\":\"a\",\"minutes\":5} sentinel", ""] {
        let response = send(&naming(), json_request("/", body)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        problem(response).await;
    }
    let response = send(&naming(), json_request("/", b"{\"name\":\"\xff\"}".to_vec())).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let response = send(&naming(), json_request("/", "[".repeat(200))).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem(response).await["violations"][0]["rule"], "too_deep");

    let large = json_request("/", " ".repeat(3 * 1024 * 1024));
    let response = send(&naming(), large).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    problem(response).await;
}

#[tokio::test]
async fn a_body_that_does_not_say_that_it_is_json_is_refused() {
    let body = r#"{"name":"a","minutes":5}"#;
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json")] {
        let mut request = Request::post("/");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let response = send(&naming(), request.body(body.into()).expect("a request")).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type:?}");
        let answer = problem(response).await;
        assert!(answer["detail"].as_str().is_some_and(|text| text.contains("application/json")), "{answer}");
    }
}

async fn create(db: Db, bus: Bus, Valid(naming): Valid<Naming>) -> Result<String> {
    let created = db
        .transaction(async |tx| {
            let created = tx.repo::<Thing>().create(NewThing { name: naming.name.clone() }).await?;
            tx.publish(Named { thing_id: created.id }).await?;
            Ok(created)
        })
        .await?;
    bus.publish_raw("audit.named", "audit.named", &json!({ "thing": created.id })).await?;
    Ok(created.id.to_string())
}

async fn show(things: Repo<Thing>, Path(id): Path<Uuid>) -> Result<String> {
    Ok(things.get(id).await?.name)
}

fn things<S: Clone + Send + Sync + 'static>() -> Router<S>
where
    Db: FromRef<S>,
    Bus: FromRef<S>,
{
    Router::new().route("/things", post(create)).route("/things/{id}", get(show)).layer(CorrelationLayer)
}

async fn handles() -> Handles {
    let db = Db::connect("sqlite::memory:").await.expect("a database");
    db.create_tables(&entities![Thing]).await.expect("tables are made");
    Handles { db: db.with_source("things"), bus: Bus::local() }
}

async fn create_show_and_fail(app: Router, db: &Db) {
    let body = r#"{"name":"a","minutes":5}"#;
    let mut request = json_request("/things", body);
    request.headers_mut().insert(CORRELATION_HEADER, "request-7".parse().expect("a value"));
    request.headers_mut().insert("traceparent", TRACE.parse().expect("a value"));
    let response = send(&app, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let id = text(response).await;

    let response = send(&app, get_request(&format!("/things/{id}"))).await;
    assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "a"));
    let response = send(&app, get_request(&format!("/things/{}", id::new()))).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(problem(response).await["detail"], "`Thing` not found");

    let response = send(&app, json_request("/things", body)).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(problem(response).await["fields"], json!(["name"]));
    assert_eq!(db.outbox().pending().await.expect("it can be read"), 1, "the second one rolled back");
}

#[tokio::test]
async fn handles_arrive_as_arguments_and_events_inherit_the_request() {
    let handles = handles().await;
    let db = handles.db.clone();
    create_show_and_fail(things::<Handles>().with_state(handles), &db).await;

    let (headers,): (String,) = sqlx::query_as("SELECT headers FROM shared_outbox")
        .fetch_one(db.sqlite().expect("it is SQLite"))
        .await
        .expect("one event");
    let headers: Value = serde_json::from_str(&headers).expect("JSON");
    assert_eq!(headers["ce-correlationid"], "request-7");
    assert_eq!(headers["ce-source"], "/things");
    let trace = headers["traceparent"].as_str().expect("a trace");
    assert_eq!(trace[..35], TRACE[..35]);
    assert_ne!(trace, TRACE, "a span of its own");
}

/// A state of the user's own.
#[derive(Clone)]
struct App {
    handles: Arc<Handles>,
}

impl FromRef<App> for Db {
    fn from_ref(app: &App) -> Self {
        app.handles.db.clone()
    }
}

impl FromRef<App> for Bus {
    fn from_ref(app: &App) -> Self {
        app.handles.bus.clone()
    }
}

#[tokio::test]
async fn a_state_of_ones_own_works_as_well() {
    let handles = Arc::new(handles().await);
    let app = App { handles: Arc::clone(&handles) };
    create_show_and_fail(things::<App>().with_state(app), &handles.db).await;
}

#[tokio::test]
async fn the_handles_of_running_services_publish_under_their_name() {
    let config = shared::Config::embedded().with_database_url("sqlite::memory:");
    let service = Service::new("things").entities(entities![Thing]);
    let running = shared::start(&config, [service]).await.expect("it starts");
    let handles = Handles::of(&running, "things");
    assert_eq!(handles.db.source(), "things");
    let app: Router = things::<Handles>().with_state(handles);
    let response = send(&app, json_request("/things", r#"{"name":"a","minutes":5}"#)).await;
    assert_eq!(response.status(), StatusCode::OK);
    running.settled(std::time::Duration::from_secs(60)).await.expect("it settles");
    let published = running.db().outbox().published_by_subject().await.expect("it can be read");
    assert_eq!(published["thing.named"], 1);
    running.shutdown().await.expect("it ends in time");
}
