//! What goes out comes back, and what is odd is refused for a reason.

use super::*;
use crate::context::Context;
use crate::event::Draft;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const STRUCTURED: (&str, &str) = ("Content-Type", "application/cloudevents+json; charset=UTF-8");
const MINIMUM: &str = r#""specversion":"1.0","id":"e1","source":"/x","type":"note.taken""#;

fn delivered(headers: &[(&str, &str)], payload: impl AsRef<[u8]>) -> Delivered {
    Delivered {
        subject: "note.taken".into(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        payload: Bytes::copy_from_slice(payload.as_ref()),
        origin: "NOTE:7".into(),
    }
}

fn draft() -> Draft {
    Draft {
        subject: "note.taken".into(),
        event_type: "note.taken".into(),
        version: 2,
        key: Some("a ä%\"\u{7}".into()),
        payload: Bytes::from_static(br#"{ "number": 1 }"#),
    }
}

fn sent(event: &Outgoing) -> Delivered {
    let written = event.written();
    Delivered {
        subject: written.subject.clone(),
        headers: written.headers.clone(),
        payload: written.payload.clone(),
        origin: "NOTE:7".into(),
    }
}

fn understood(message: &Delivered) -> Incoming {
    let (incoming, result) = parse(message);
    result.unwrap_or_else(|error| panic!("{error}: {message:?}"));
    incoming
}

fn refused(message: &Delivered) -> DecodeError {
    let (incoming, result) = parse(message);
    assert!(!incoming.metadata.event_id.is_empty(), "it has an id to be parked under");
    result.expect_err("it is refused")
}

/// An event in structured mode with further members.
fn structured(members: &str) -> Delivered {
    delivered(&[STRUCTURED], format!("{{{MINIMUM},{members}}}"))
}

#[test]
fn every_shape_round_trips() {
    for shape in [Shape::Binary, Shape::Structured, Shape::Flat] {
        let context =
            Context::new().actor("dr\"1%").tenant("clinic-1").causation("cause").trace_parent(PARENT, Some("vendor=x"));
        let mut out = draft().seal(&context, "the clinic's ä/b", shape, 1024).unwrap();
        out.headers.set("ce-sequence", format!("{:020}", 12));
        let message = sent(&out);
        let incoming = understood(&message);
        let m = incoming.metadata;
        assert_eq!(ordering_key(&message), m.key);
        assert_eq!(m.event_id, out.id.to_string());
        assert_eq!(m.event_type, "note.taken");
        assert_eq!(m.version, Some(2));
        assert_eq!(m.subject, "note.taken");
        assert_eq!(m.source.as_deref(), Some("/the%20clinic's%20%C3%A4%2Fb"));
        assert_eq!(m.time, Some(out.time));
        assert_eq!(m.key.as_deref(), Some("a ä%\"\u{7}"));
        assert_eq!(m.sequence, Some(12));
        assert_eq!(&m.correlation_id, context.correlation_id());
        assert_eq!(m.causation_id.unwrap().as_str(), "cause");
        assert_eq!(m.actor.unwrap().as_str(), "dr\"1%");
        assert_eq!(m.tenant.unwrap().as_str(), "clinic-1");
        let trace = m.trace.unwrap();
        assert_eq!((&trace.to_string()[..36], trace.state()), (&PARENT[..36], Some("vendor=x")));
        let data: serde_json::Value = serde_json::from_slice(&incoming.data).unwrap();
        assert_eq!(data["number"], 1, "{shape:?}");
        match shape {
            Shape::Flat => assert_eq!(data["event_type"], "note.taken"),
            _ => assert_eq!(incoming.data, out.payload),
        }
        assert!(message.headers.iter().all(|(_, value)| value.bytes().all(|b| b.is_ascii_graphic())));
    }
}

#[test]
fn the_outbox_keeps_the_shape_and_sends_no_note_of_it() {
    for shape in [Shape::Binary, Shape::Structured, Shape::Flat] {
        let out = draft().seal(&Context::new(), "s", shape, 1024).unwrap();
        let mut headers = Headers::from_json(&shape.noted(&out.headers));
        assert_eq!(Shape::read_note(&mut headers), shape);
        let pairs = |headers: &Headers| {
            headers
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        assert_eq!(pairs(&headers), pairs(&out.headers));
    }
}

#[test]
fn structured_mode_has_no_attributes_in_headers() {
    let context = Context::new().trace_parent(PARENT, None);
    let out = draft().seal(&context, "s", Shape::Structured, 1024).unwrap();
    let message = sent(&out);
    let names: Vec<_> = message.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["content-type", "traceparent"]);
    let json: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(json["specversion"], "1.0");
    assert_eq!(json["datacontenttype"], "application/json");
    assert_eq!(json["dataschema"], "urn:event:note.taken/v2");
    assert_eq!(json["data"], serde_json::json!({ "number": 1 }));
    let names = json.as_object().unwrap().keys();
    assert!(names.into_iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())));
}

#[test]
fn flat_json_keeps_the_fields_of_the_event() {
    let flat = |payload: &'static str| {
        let draft = Draft { payload: payload.into(), ..draft() };
        draft.seal(&Context::new(), "s", Shape::Flat, 1024).map(|out| (sent(&out).payload, out))
    };
    let (payload, out) = flat(r#" { "timestamp" : 12, "b": [1] } "#).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(json["timestamp"], 12, "the event's own field wins");
    assert_eq!(json["event_id"], out.id.to_string());
    assert_eq!(json["b"], serde_json::json!([1]));
    let (payload, _) = flat("{ }").unwrap();
    let json: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(json.as_object().unwrap().len(), 4);
    let (payload, _) = flat(r#"{"event_type":"note.taken"}"#).unwrap();
    assert_eq!(String::from_utf8_lossy(&payload).matches("event_type").count(), 1);
    for (payload, reason) in [
        ("[1]", "it is no JSON object"),
        ("null", "it is no JSON object"),
        (r#"{"event_id":"sentinel"}"#, "its own field `event_id`"),
        (r#"{"event_type":"sentinel"}"#, "its own field `event_type`"),
    ] {
        let error = flat(payload).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("help:") && !error.contains("sentinel"), "{error}");
    }
}

#[test]
fn limits_are_checked_before_anything_is_stored() {
    let seal = |draft: Draft, shape, limit| draft.seal(&Context::new(), "s", shape, limit).map(|_| ());
    let error = seal(draft(), Shape::Binary, 14).unwrap_err().to_string();
    assert!(error.contains("15 bytes, the limit is 14"), "{error}");
    for shape in [Shape::Structured, Shape::Flat] {
        let size = sent(&draft().seal(&Context::new(), "s", shape, 1024).unwrap()).payload.len();
        seal(draft(), shape, size).unwrap();
        seal(draft(), shape, size - 1).unwrap_err();
    }
    for bad in [
        Draft { subject: "a.*".into(), ..draft() },
        Draft { event_type: "".into(), ..draft() },
        Draft { event_type: "a\nb".into(), ..draft() },
        Draft { event_type: "x".repeat(256).into(), ..draft() },
        Draft { key: Some("ä".repeat(MAX_HEADERS_BYTES / 6)), ..draft() },
    ] {
        seal(bad, Shape::Binary, 1024).unwrap_err();
    }
}

#[test]
fn structured_members_are_read_by_the_rules_of_the_json_format() {
    let event = understood(&structured(
        r#""sequence":12,"key":7,"actor":true,"tenant":null,"subject":null,"time":null,"Type":"ignored",
           "comexample":{"any":"thing"},"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "datacontenttype":"application/fhir+json","data":{"a": 1}"#,
    ));
    let m = event.metadata;
    assert_eq!((m.event_id.as_str(), m.source.as_deref()), ("e1", Some("/x")));
    assert_eq!((m.sequence, m.key.as_deref()), (Some(12), Some("7")));
    assert_eq!(m.actor.unwrap().as_str(), "true");
    assert_eq!((m.tenant, m.time), (None, None));
    assert!(m.trace.is_some());
    assert_eq!(&event.data[..], br#"{"a": 1}"#);

    let data = |members: &str| understood(&structured(members)).data;
    assert_eq!(&data(r#""data_base64":"eyJhIjoxfQ==""#)[..], br#"{"a":1}"#);
    assert_eq!(&data(r#""data":"text""#)[..], br#""text""#, "a text is JSON and is not read once more");
    assert_eq!(&data(r#""data":null"#)[..], b"null");
    assert_eq!(&data(r#""key":"a""#)[..], b"null", "no data");
    let escaped = understood(&structured(r#""k\u0065y":"\u00e4""#)).metadata;
    assert_eq!(escaped.key.as_deref(), Some("ä"));
}

#[test]
fn structured_mode_needs_no_headers() {
    // the NATS binding of CloudEvents 1.0.2 knows none
    let message = delivered(&[], format!(r#"{{{MINIMUM},"key":"a","data":{{"a":1}}}}"#));
    let event = understood(&message);
    assert_eq!((event.metadata.event_id.as_str(), &event.data[..]), ("e1", &br#"{"a":1}"#[..]));
    assert_eq!(ordering_key(&message).as_deref(), Some("a"));
    assert_eq!(refused(&delivered(&[], r#"{"specversion":"1.0"}"#)).code, DecodeCode::Envelope);
    // an event of the Python package may have a field of that name
    let flat = understood(&delivered(&[], r#"{"event_type":"note.taken","specversion":"7"}"#));
    assert_eq!(flat.metadata.event_type, "note.taken");
}

#[test]
fn the_media_type_decides_even_where_headers_say_more() {
    let headers = [STRUCTURED, ("ce-type", "other"), ("ce-key", "other")];
    let message = delivered(&headers, format!(r#"{{{MINIMUM},"key":"a","data":1}}"#));
    assert_eq!(understood(&message).metadata.event_type, "note.taken");
    assert_eq!(ordering_key(&message).as_deref(), Some("a"));
}

#[test]
fn binary_headers_are_read_by_the_rules_of_the_binding() {
    let message = delivered(
        &[
            ("CE-SpecVersion", "1.0"),
            ("Ce-Type", "note.%74aken"),
            ("ce-source", "\"/a \\\"b\\\"\""),
            ("ce-id", "e1"),
            ("ce-partitionkey", "Euro%20%E2%82%AC"),
            ("ce-TraceParent", PARENT),
            ("ce-comexample", "%FF"),
            ("ce-datacontenttype", "application/json"),
        ],
        "{}",
    );
    let m = understood(&message).metadata;
    assert_eq!((m.event_type.as_str(), m.source.as_deref()), ("note.taken", Some("/a \"b\"")));
    assert_eq!(m.key.as_deref(), Some("Euro €"));
    assert_eq!(ordering_key(&message), m.key);
    assert_eq!(m.trace.unwrap().to_string(), PARENT);
    // without `ce-specversion` it makes no claim, and needs no more than a type
    let bare = understood(&delivered(&[("ce-type", "note.taken"), ("content-type", "")], "{}")).metadata;
    assert_eq!((bare.event_id.as_str(), bare.source, bare.version), ("NOTE:7", None, None));
}

#[test]
fn every_odd_envelope_is_refused_for_its_reason() {
    use DecodeCode::{Attribute, Batch, ContentType, Envelope, NotUtf8, SpecVersion, Syntax, Truncated, WrongType};
    let full = [("ce-specversion", "1.0"), ("ce-type", "note.taken"), ("ce-source", "/x"), ("ce-id", "e1")];
    let but = |name: &'static str, value: &'static str| {
        let others = full.into_iter().filter(|(other, _)| *other != name);
        let headers: Vec<(&str, &str)> = others.chain([(name, value)]).collect();
        delivered(&headers, r#"{"a":"sentinel"}"#)
    };
    let twice = |name: &'static str| {
        let headers: Vec<(&str, &str)> = full.into_iter().chain([(name, "sentinel")]).collect();
        delivered(&headers, "{}")
    };
    let json = |payload: &str| delivered(&[STRUCTURED], payload);
    let typed = |media: &'static str, payload: &str| delivered(&[("content-type", media)], payload);
    let cases = [
        // binary mode
        (but("ce-specversion", "0.3"), SpecVersion, "/specversion"),
        (but("ce-specversion", "sentinel"), SpecVersion, "/specversion"),
        (but("ce-specversion", ""), Attribute, "/specversion"),
        (but("ce-type", ""), Envelope, ""),
        (but("ce-id", ""), Attribute, "/id"),
        (but("ce-source", ""), Attribute, "/source"),
        (but("ce-key", "sentinel%C0%A0"), Attribute, "/key"),
        (but("content-type", "text/sentinel"), ContentType, "/datacontenttype"),
        (but("content-type", "application/cloudevents+avro"), ContentType, "/datacontenttype"),
        (but("content-type", "application/json; charset=sentinel"), ContentType, "/datacontenttype"),
        (but("content-type", "application/cloudevents-batch+json"), Batch, ""),
        (twice("ce-id"), Attribute, "/id"),
        (twice("CE-TYPE"), Attribute, "/type"),
        (delivered(&[("ce-specversion", "1.0")], "{}"), Envelope, ""),
        (delivered(&[("ce-specversion", "1.0"), ("ce-type", "a")], "{}"), Attribute, "/id"),
        (delivered(&[("ce-type", "")], "{}"), Envelope, ""),
        // structured mode
        (json(&format!("{{{}}}", MINIMUM.replace("1.0", "2.0"))), SpecVersion, "/specversion"),
        (json(&format!("{{{}}}", MINIMUM.replace(r#""1.0""#, "1.0"))), Attribute, "/specversion"),
        (json(&format!("{{{}}}", MINIMUM.replace(r#""e1""#, "7"))), Attribute, "/id"),
        (json(&format!("{{{}}}", MINIMUM.replace(r#""e1""#, "null"))), Attribute, "/id"),
        (json(&format!("{{{}}}", MINIMUM.replace(r#""/x""#, r#""""#))), Attribute, "/source"),
        (json(&format!("{{{}}}", MINIMUM.replace("specversion", "SpecVersion"))), Attribute, "/specversion"),
        (json(r#"{"specversion":"1.0","data":"sentinel"}"#), Envelope, ""),
        (structured(r#""id":"sentinel""#), Attribute, "/id"),
        (structured(r#""data":1,"data":2"#), Attribute, "/data"),
        (structured(r#""data":1,"data_base64":"MQ==""#), Attribute, "/data_base64"),
        (structured(r#""data_base64":"sentinel!""#), WrongType, "/data_base64"),
        (structured(r#""data_base64":["sentinel"]"#), WrongType, "/data_base64"),
        (structured(r#""key":{"sentinel":1}"#), Attribute, "/key"),
        (structured(r#""time":12"#), Attribute, "/time"),
        (structured(r#""datacontenttype":"text/sentinel","data":"x""#), ContentType, "/datacontenttype"),
        (json("[]"), WrongType, ""),
        (json("sentinel"), Syntax, ""),
        (json(r#"{"specversion":"1.0" "sentinel"}"#), Syntax, ""),
        (json(&format!("{{{MINIMUM}}} sentinel")), Syntax, ""),
        (json(r#"{"specversion":"sentin"#), Truncated, ""),
        (delivered(&[STRUCTURED], b"{\"data\":\"\xff\"}"), NotUtf8, ""),
        (typed("application/cloudevents-batch+json", &format!("[{{{MINIMUM}}}]")), Batch, ""),
        // neither
        (delivered(&[], ""), Truncated, ""),
        (delivered(&[], "sentinel"), Syntax, ""),
        (delivered(&[], "[]"), WrongType, ""),
        (delivered(&[], r#""sentinel""#), WrongType, ""),
        (delivered(&[], "{}"), Envelope, ""),
        (delivered(&[], r#"{"event_type":null}"#), Envelope, ""),
        (delivered(&[], r#"{"event_type":""}"#), Envelope, ""),
        (delivered(&[], r#"{"event_type":{"sentinel":1}}"#), WrongType, "/event_type"),
        (delivered(&[], b"{\"event_type\":\"\xff\"}"), NotUtf8, ""),
    ];
    for (message, code, path) in cases {
        let error = refused(&message);
        let shown = format!("{:?} {}", message.headers, String::from_utf8_lossy(&message.payload));
        assert_eq!((error.code, error.path.as_str()), (code, path), "{shown}");
        assert!(!error.to_string().contains("sentinel"), "{error}");
        let _the_dispatcher_asks_first = ordering_key(&message);
    }
}

#[test]
fn flat_json_of_the_python_package_is_understood() {
    let flat = |payload: &str| understood(&delivered(&[("X-Correlation-ID", "request-8")], payload)).metadata;
    let m = flat(
        r#"{"event_type":"note.taken","event_id":"e1","correlation_id":"c","timestamp":"2025-01-02T03:04:05Z","a":1}"#,
    );
    assert_eq!((m.event_type.as_str(), m.event_id.as_str(), m.correlation_id.as_str()), ("note.taken", "e1", "c"));
    let m = flat(r#"{"event_type":"note.taken","event_id":7,"timestamp":[],"correlation_id":null}"#);
    assert_eq!((m.event_id.as_str(), m.correlation_id.as_str(), m.time), ("NOTE:7", "request-8", None));
}

#[test]
fn times_of_every_form_of_rfc_3339_are_read() {
    let micros = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_micros());
    let expected = Some(1_735_787_045_123_456);
    for text in [
        "2025-01-02T03:04:05.123456Z",
        "2025-01-02t03:04:05.123456z",
        "2025-01-02T05:04:05.123456+02:00",
        "2025-01-02T03:04:05.123456789Z",
    ] {
        let event = understood(&structured(&format!(r#""time":"{text}""#)));
        assert_eq!(micros(event.metadata.time), expected, "{text}");
    }
    // Python's `isoformat` of a time without zone, and its `str`
    for text in ["2025-01-02T03:04:05.123456", "2025-01-02 03:04:05.123456"] {
        let payload = format!(r#"{{"event_type":"note.taken","timestamp":"{text}"}}"#);
        assert_eq!(micros(understood(&delivered(&[], payload)).metadata.time), expected, "{text}");
    }
    for text in ["", "yesterday", "2025-01-02", "2025-01-02T03:04:05", "2025-13-02T03:04:05Z"] {
        let event = understood(&structured(&format!(r#""time":"{text}""#)));
        assert_eq!(event.metadata.time, None, "{text}");
    }
}

#[test]
fn ids_from_outside_are_kept_apart_and_never_echoed_as_they_came() {
    let id = |id: &str| {
        let id = serde_json::Value::from(id);
        understood(&delivered(&[STRUCTURED], format!(r#"{{{}}}"#, MINIMUM.replace(r#""e1""#, &id.to_string()))))
            .metadata
            .event_id
    };
    assert_eq!(id("e-1"), "e-1");
    assert_eq!(id("two words"), "two%20words");
    assert_eq!(id("a\r\nNats-Msg-Id: b"), "a%0D%0ANats-Msg-Id:%20b");
    assert_eq!(id(&"x".repeat(129)), "NOTE:7");
}

#[test]
fn a_schema_tells_the_version_of_its_own_type_only() {
    let version = |schema: &str| understood(&structured(&format!(r#""dataschema":"{schema}""#))).metadata.version;
    assert_eq!(version("urn:event:note.taken/v2"), Some(2));
    assert_eq!(version("note.taken/v3"), Some(3), "as older versions of this library wrote it");
    assert_eq!(version("https://schemas.example/note.taken/v4"), Some(4));
    for other in ["https://schemas.example/v9", "urn:event:note.erased/v9", "urn:event:note.taken/vx", "#"] {
        assert_eq!(version(other), None, "{other}");
    }
}

/// Whatever comes in, there is an answer, and the dispatcher's key is that of the metadata.
#[test]
fn any_message_has_an_answer() {
    let mut random = fastrand::Rng::with_seed(9);
    let names =
        ["ce-type", "ce-specversion", "ce-id", "ce-source", "CE-Key", "ce-partitionkey", "content-type", "traceparent"];
    let values = ["", "1.0", "note.taken", "%", "%C3", "\"", "application/cloudevents+json", "text/plain", "ä", PARENT];
    let pieces = [
        "{",
        "}",
        "\"type\":",
        "\"specversion\":",
        "\"key\":",
        "\"data\":",
        "\"event_type\":",
        "\"1.0\"",
        "\"id\":",
        "1",
        ",",
        "[",
        "]",
        "null",
        "\"x\"",
        "\"source\":",
        " ",
        "\\",
        "ä",
    ];
    for _ in 0..50_000 {
        let headers: Vec<(&str, &str)> = (0..random.usize(..5))
            .map(|_| (*random.choice(&names).unwrap(), *random.choice(&values).unwrap()))
            .collect();
        let payload: String = (0..random.usize(..14)).map(|_| *random.choice(&pieces).unwrap()).collect();
        let message = delivered(&headers, &payload);
        let (incoming, result) = parse(&message);
        if result.is_ok() {
            assert_eq!(ordering_key(&message), incoming.metadata.key, "{headers:?} {payload}");
            assert!(!incoming.metadata.event_type.is_empty());
        }
    }
}
