//! What is protected is marked, and no document says a value.

use serde_json::Value;
use shared::prelude::*;
use shared::schema::{Contract, asyncapi, json_schema, page};

use crate::cases::{Case, all};
use crate::vocabulary as v;

/// The pointers to everything that is marked.
fn marked(part: &Value, path: &str, found: &mut Vec<String>) {
    match part {
        Value::Object(object) => {
            if object.get("x-phi").is_some_and(|mark| mark == true) {
                found.push(path.to_owned());
            }
            object.iter().for_each(|(key, part)| marked(part, &format!("{path}/{key}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, part)| marked(part, &format!("{path}/{index}"), found));
        }
        _ => {}
    }
}

fn marks<E: Event>() -> Vec<String> {
    let mut found = Vec::new();
    marked(&json_schema(E::INFO), "", &mut found);
    found.sort();
    found
}

#[test]
fn every_protected_value_is_marked_wherever_it_is() {
    assert_eq!(
        marks::<v::Gathered>(),
        [
            "/properties/by_name/additionalProperties/items",
            "/properties/holes/items",
            "/properties/names/items",
            "/properties/secret_map",
            "/properties/triple/prefixItems/0",
        ]
    );
    assert_eq!(marks::<v::SecretlyFlattened>(), ["/properties/from", "/properties/until"]);
    assert_eq!(marks::<v::Typed>(), ["/properties/secret_mrn"]);
    assert_eq!(
        marks::<v::Chosen>(),
        [
            "/$defs/External/oneOf/3/properties/with_fields/properties/b",
            "/$defs/Internal/oneOf/1/properties/theirName",
            "/properties/secret"
        ]
    );
    let ruled = marks::<v::Ruled>();
    for path in ["/properties/text", "/properties/digit", "/properties/perhapsPressure"] {
        assert!(ruled.iter().any(|mark| mark == path), "{path} in {ruled:#?}");
    }
}

#[test]
fn the_page_says_what_is_protected() {
    let page = page(&[Contract::of_events("all", all().into_iter().map(|case| case.info))]);
    let row = |field: &str| {
        let start = format!("| `{field}` |");
        page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{field} in\n{page}"))
    };
    for field in ["secret_mrn", "perhapsPressure", "secret_map", "text"] {
        assert!(row(field).contains("protected"), "{}", row(field));
    }
    for field in ["holes", "names", "by_name", "triple"] {
        assert!(row(field).contains("protected inside"), "{}", row(field));
    }
    assert!(page.contains("- object of `theirName`: string (protected), `type`: `\"Somebody\"`\n"), "{page}");
    assert!(!row("patientId").contains("protected"));
}

/// Keywords that hold values, anywhere in a document.
fn values(part: &Value, found: &mut Vec<String>) {
    match part {
        Value::Object(object) => {
            for (key, part) in object {
                match (key.as_str(), part) {
                    // names of fields, not keywords
                    ("properties" | "$defs" | "schemas", Value::Object(parts)) => {
                        parts.values().for_each(|part| values(part, found));
                    }
                    ("default" | "examples" | "example", _) => found.push(format!("{key}: {part}")),
                    _ => values(part, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|part| values(part, found)),
        _ => {}
    }
}

#[test]
fn no_document_says_a_value() {
    let mut found = Vec::new();
    let contract = Contract::of_events("all", all().into_iter().map(|case| case.info));
    for Case { info, .. } in all() {
        values(&json_schema(info), &mut found);
    }
    let document = asyncapi(&contract, None);
    values(&document, &mut found);
    assert_eq!(found, [""; 0]);
    assert!(!document.to_string().contains("elsewhere"));
    assert!(!page(&[contract]).contains("elsewhere"));
}
