//! The clinic's events: what was released, and the documents about them.

use std::path::Path;

use serde_json::Value;
use shared::schema::{ACCEPT_VARIABLE, Contract, Server, asyncapi, json_schema, page};
use tests::Official;

fn contracts() -> Vec<Contract> {
    clinic::services().into_iter().map(Contract::from).collect()
}

#[test]
fn no_event_drifts() {
    shared::schema::check!(clinic::services());
}

#[test]
fn the_page_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("EVENTS.md");
    let now = page(&contracts());
    if std::env::var_os(ACCEPT_VARIABLE).is_some() {
        std::fs::write(&file, &now).expect("it can be written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == now, "run `{ACCEPT_VARIABLE}=accept cargo test -p clinic --test schema` and commit `EVENTS.md`");
}

#[test]
fn the_page_shows_every_event_publisher_and_subscriber() {
    let text = page(&contracts());
    for contract in contracts() {
        for event in contract.events() {
            assert!(text.contains(&format!("## `{}`", event.event_type)), "{}", event.event_type);
        }
        for event in &contract.publishes {
            let row = text.lines().find(|line| line.starts_with(&format!("| [`{}`]", event.event_type)));
            assert!(row.is_some_and(|row| row.contains(&contract.service)), "{row:?}");
        }
        for receiver in &contract.receivers {
            for event in receiver.events {
                let row = text.lines().find(|line| line.starts_with(&format!("| [`{}`]", event.event_type)));
                let name = format!("{}/{}", contract.service, receiver.name);
                assert!(row.is_some_and(|row| row.contains(&name)), "{row:?}");
            }
        }
    }
}

#[test]
fn the_asyncapi_documents_are_valid() {
    let server = Server::of_url("nats://user:secret@nats.clinic.example:4222").expect("it names a server");
    for contract in contracts() {
        for server in [None, Some(&server)] {
            let document = asyncapi(&contract, server);
            assert_eq!(Official::asyncapi(&document), [""; 0], "{}", contract.service);
            assert!(!document.to_string().contains("secret"));
            references_lead_somewhere(&document, &document);
        }
        let mut nameless = asyncapi(&contract, None);
        nameless["info"].as_object_mut().expect("it is an object").remove("title");
        assert!(!Official::asyncapi(&nameless).is_empty(), "the official schema is asked");
        let operations = asyncapi(&contract, None)["operations"].as_object().map_or(0, |all| all.len());
        let taken: usize = contract.receivers.iter().map(|receiver| receiver.events.len()).sum();
        assert_eq!(operations, contract.publishes.len() + taken, "{}", contract.service);
    }
}

/// The official schema does not look behind references.
fn references_lead_somewhere(part: &Value, document: &Value) {
    match part {
        Value::Object(object) => {
            if let Some(to) = object.get("$ref").and_then(Value::as_str) {
                let target = to.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
                assert!(target.is_some(), "{to}");
            }
            object.values().for_each(|part| references_lead_somewhere(part, document));
        }
        Value::Array(list) => list.iter().for_each(|part| references_lead_somewhere(part, document)),
        _ => {}
    }
}

#[test]
fn the_json_schemas_are_valid() {
    for event in contracts().iter().flat_map(Contract::events) {
        assert_eq!(Official::json_schema(&json_schema(event)), [""; 0], "{}", event.event_type);
    }
}

#[test]
fn patients_are_marked_as_protected() {
    let document = asyncapi(&contracts()[0], None);
    assert_eq!(document["components"]["schemas"]["patient.registered"]["properties"]["name"]["x-phi"], true);
}
