//! The documents are valid, and whole.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::schema::{Contract, Lock, asyncapi, json_schema, page};
use tests::{Official, Scratch};

use crate::cases::{Case, all};

fn contract() -> Contract {
    Contract::of_events("everything", all().into_iter().map(|case| case.info))
}

/// Every `$ref` of a document.
fn references(part: &Value) -> Vec<&str> {
    match part {
        Value::Object(object) => {
            let own = object.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(object.values().flat_map(references)).collect()
        }
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn lead_somewhere(document: &Value) {
    for to in references(document) {
        assert!(to.is_ascii() && !to.contains('%'), "{to} must be encoded, and not every tool does that");
        let target = to.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(target.is_some(), "{to} leads nowhere");
    }
}

#[test]
fn json_schemas_are_valid() {
    for Case { info, .. } in all() {
        let schema = json_schema(info);
        assert_eq!(Official::json_schema(&schema), [""; 0], "{}", info.event_type);
        lead_somewhere(&schema);
        let used: BTreeSet<&str> = references(&schema).into_iter().filter_map(|to| to.rsplit('/').next()).collect();
        let defined: BTreeSet<&str> =
            schema["$defs"].as_object().into_iter().flat_map(|defs| defs.keys().map(String::as_str)).collect();
        assert_eq!(used, defined, "{}", info.event_type);
    }
}

#[test]
fn the_asyncapi_document_is_valid() {
    let document = asyncapi(&contract(), None);
    assert_eq!(Official::asyncapi(&document), [""; 0]);
    lead_somewhere(&document);
    for Case { info, .. } in all() {
        let alone = asyncapi(&Contract::of_events("alone", [info]), None);
        assert_eq!(Official::asyncapi(&alone), [""; 0], "{}", info.event_type);
        lead_somewhere(&alone);
    }
}

/// The payload's schema within the document.
fn payload<'a>(document: &'a Value, event_type: &str) -> &'a Value {
    let messages = document["components"]["messages"].as_object().expect("there are messages");
    let message = messages.values().find(|message| message["name"] == event_type).expect("the message is there");
    let to = message["payload"]["$ref"].as_str().and_then(|to| to.strip_prefix('#')).expect("it refers to a schema");
    document.pointer(to).expect("the schema is there")
}

#[test]
fn an_asyncapi_document_says_of_a_payload_what_its_json_schema_says() {
    let document = asyncapi(&contract(), None);
    for Case { info, payloads, .. } in all() {
        let mut schema = payload(&document, info.event_type).clone();
        schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
        schema["components"] = document["components"].clone();
        for payload in payloads {
            assert_eq!(Official::value(&schema, &payload), [""; 0], "{}", info.event_type);
        }
    }
    let free = &payload(&document, "schema.overlooked")["properties"]["free"];
    assert!(!free.to_string().contains("red"));
}

#[test]
fn every_channel_has_its_own_subject() {
    let document = asyncapi(&contract(), None);
    let addresses: BTreeSet<&str> = document["channels"]
        .as_object()
        .expect("there are channels")
        .values()
        .filter_map(|channel| channel["address"].as_str())
        .collect();
    let subjects: BTreeSet<&str> = all().iter().map(|case| case.info.subject).collect();
    assert_eq!(addresses, subjects);
}

#[test]
fn a_parameter_is_found_under_its_name_in_json() {
    let document = asyncapi(&contract(), None);
    let channel = document["channels"].as_object().expect("there are channels").values();
    let channel = channel.into_iter().find(|channel| channel["address"] == "schema.{clinic_id}.moved");
    let parameter = &channel.expect("the channel is there")["parameters"]["clinic_id"];
    assert_eq!(parameter["location"], "$message.payload#/clinicId");
    assert_eq!(parameter["description"], "Where it was.");
}

#[test]
fn the_page_describes_every_type_that_it_names() {
    let page = page(&[contract()]);
    for Case { info, .. } in all() {
        for name in json_schema(info)["$defs"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(page.contains(&format!("### `{name}`")), "{}: {name}\n{page}", info.event_type);
        }
    }
}

#[test]
fn golden_payloads_are_valid_and_decode() {
    let scratch = Scratch::new("golden");
    let mut lock = Lock::read(scratch.join("events.lock.json")).expect("an absent lock is an empty one");
    lock.accept(&[contract()]).expect("a payload can be made of each");
    for Case { info, accepts, .. } in all() {
        let [golden] = lock.golden(info.event_type, info.version) else { panic!("one is made of {}", info.event_type) };
        let mistakes = Official::value(&json_schema(info), golden);
        // a text that several patterns match cannot be made of one of them
        let known = if info.event_type == "schema.ruled" { mistakes.len().min(1) } else { 0 };
        assert_eq!(mistakes.len(), known, "{}: {mistakes:#?} in {golden:#}", info.event_type);
        let rules_of_its_own = ["schema.ruled", "schema.noted"].contains(&info.event_type);
        let read = accepts(golden.to_string().as_bytes());
        assert!(rules_of_its_own || read.is_ok(), "{}: {read:?} in {golden:#}", info.event_type);
    }
}
