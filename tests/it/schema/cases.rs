//! Every event of the vocabulary, with payloads that were written by hand.

use serde_json::{Value, json};
use shared::event::{EventInfo, EventSet};
use shared::prelude::*;

use crate::vocabulary as v;

/// An event type, payloads of it that are valid, and the functions that judge others.
pub struct Case {
    pub info: &'static EventInfo,
    pub payloads: Vec<Value>,
    /// Decodes and validates, and writes again what was read.
    pub accepts: fn(&[u8]) -> Result<Value>,
}

fn case<E: Event + Serialize>(payloads: impl Into<Vec<Value>>) -> Case {
    let accepts = |payload: &[u8]| {
        let event = E::decode(E::TYPE, payload)?;
        event.validate()?;
        serde_json::to_value(&event).map_err(Error::other)
    };
    Case { info: E::INFO, payloads: payloads.into(), accepts }
}

/// Those of which the schema says all that a program asks for.
pub fn exact() -> Vec<Case> {
    vec![
        case::<v::Named>([
            json!({ "patientId": 1, "written-by": "x", "count": 2, "notes": ["a"], "room": -1, "internalId": true, "type": "t" }),
            json!({ "patientId": 1, "written-by": "x", "internalId": true, "type": "t" }),
        ]),
        case::<v::Defaulted>([json!({}), json!({ "FIRST-COUNT": 1, "TEXT": "", "FLAG": null })]),
        case::<v::Closed>([json!({ "id": 1, "note": "x" }), json!({ "id": 1 })]),
        case::<v::Flattened>([json!({ "id": 1, "from": 1, "until": 100, "room": "r", "floor": -1 })]),
        case::<v::SecretlyFlattened>([json!({ "id": 1, "from": 1, "until": 101 })]),
        case::<v::Paged>([
            json!({ "numbers": { "first": [1, 2], "more": [3] }, "texts": { "first": ["a", "b"], "more": [] } }),
        ]),
        case::<v::Opened>([json!({ "id": 1, "other": [1, { "a": null }] })]),
        case::<v::Counted>([json!({ "name": "x", "a": 1, "b": 2 })]),
        case::<v::ChosenFlat>([
            json!({ "id": 1, "type": "Nobody" }),
            json!({ "id": 1, "type": "Somebody", "theirName": "x" }),
            json!({ "id": 1, "type": "Held", "floor": 1 }),
        ]),
        case::<v::Chosen>([
            json!({
                "external": "nobody", "internal": { "type": "Nobody" }, "adjacent": { "t": "Nobody" }, "untagged": 1,
                "plain": "not-known", "many": [], "secret": "NO",
            }),
            json!({
                "external": { "with_fields": { "a": 1, "b": "x" } }, "internal": { "type": "Somebody", "theirName": "x" },
                "adjacent": { "t": "Pair", "c": [1, true] }, "untagged": { "a": 1, "b": true }, "plain": "yes",
                "perhaps_external": { "pair": [1, false] }, "perhaps_internal": { "type": "Held", "floor": 2 },
                "perhaps_plain": "NO", "many": ["nobody", { "new_type": 1 }], "secret": "yes",
            }),
            json!({
                "external": { "pair": [1, true] }, "internal": { "type": "Held", "floor": 1 },
                "adjacent": { "t": "WithFields", "c": { "a": 1 } }, "untagged": "x", "plain": "yes",
                "perhaps_external": null, "perhaps_internal": null, "perhaps_plain": null, "many": [], "secret": "yes",
            }),
            json!({
                "external": { "new_type": 3 }, "internal": { "type": "Nobody" }, "adjacent": { "t": "Number", "c": 3 },
                "untagged": -1, "plain": "NO", "many": [{ "with_fields": { "a": 1, "b": null } }], "secret": "yes",
            }),
        ]),
        case::<v::Grown>([json!({
            "tree": {
                "label": "a", "left": { "label": "b", "others": [{ "label": "ccc" }] }, "others": [{ "label": "d" }],
                "loose": { "label": "much longer" },            },
            "formula": { "And": [{ "Not": { "Is": true } }, { "All": [{ "Is": false }] }] },
        })]),
        case::<v::Gathered>([
            json!({
                "holes": [1, null], "names": ["x", "y"], "by_name": { "a": [1], "b": [] }, "by_number": { "7": true },
                "by_token": { "A": 1 }, "set": [1, 2], "pair": [1, "x"], "triple": ["x", true, null], "row": [1, 2, 3],
                "boxed": 1, "secret_map": { "x": 1 }, "anything": { "a": [] }, "object": { "a": 1 },
                "perhaps_anything": 1, "letter": "ä",
            }),
            json!({
                "holes": [], "by_name": {}, "by_number": {}, "by_token": {}, "set": [], "pair": [1, "x"], "row": [0, 0, 0],
                "secret_map": {}, "anything": null, "object": {}, "letter": "a",
            }),
        ]),
        case::<v::Typed>([json!({
            "patient_id": UUID, "mrn": "x", "ward": "3B", "answer": "yes", "perhaps_mrn": "y", "perhaps_ward": "4",
            "secret_mrn": "z", "wards": ["1", "2"],
        })]),
        case::<v::Ruled>([
            json!({
                "smallNumber": 7, "share": 0.5, "text": "abc", "list": [1], "map": { "a": 1 }, "patterned": "axb",
                "word": "a", "digit": 2, "digits": [5, 0], "texts": ["a"], "values": { "a": 1, "b": null },
                "grid": [[1, 2], [3]], "byChoice": { "A": 9 }, "row": [0, 9],
                "pressure": { "value": 3, "place": "arm" },
                "perhapsPressure": { "value": 5, "place": "leg" },
                "pressures": { "a": [{ "value": 3, "place": "arm" }] }, "perhapsPatterned": "Abc",
            }),
            json!({
                "smallNumber": 10, "list": [], "map": { "a": 1, "b": 2 }, "patterned": "x", "digit": 3, "texts": ["a", "b"],
                "values": {}, "grid": [], "byChoice": {}, "row": [1, 1], "pressure": { "value": 5, "place": "x" },
                "pressures": {},
            }),
        ]),
        case::<v::LookedAt>([
            json!({ "ruled": { "colour": "red", "size": 9 }, "free": { "colour": "green", "size": 10 } }),
        ]),
        case::<v::Overlooked>([json!({ "free": { "colour": "green", "size": 10 } })]),
        case::<v::Moved>([json!({ "clinicId": 7 })]),
        case::<v::MovedAway>([json!({ "to": { "floor": 1 } })]),
        case::<v::Versioned>([json!({ "seconds": 60 })]),
    ]
}

/// Those of which a program reads more than the schema allows, or asks for more than it says.
pub fn others() -> Vec<Case> {
    vec![
        // an absent or wrong tag is read too, and so is the alias
        case::<v::Tagged>([json!({ "kind": "a tagged one", "id": 1, "name": "x" }), json!({ "id": 1, "name": "x" })]),
        // what does not fit is as good as absent
        case::<v::PerhapsFlattened>([json!({ "id": 1, "from": 1 }), json!({ "id": 1 })]),
        // of several variants in one object, serde takes the first
        case::<v::ExternalFlat>([
            json!({ "id": 1, "nobody": null }),
            json!({ "id": 1, "new_type": 1 }),
            json!({ "id": 1, "with_fields": { "a": 1 } }),
        ]),
        // the functions say what they take
        case::<v::Formed>([
            json!({ "digest": "00ff", "present": null }),
            json!({ "digest": "00ff", "present": "0001", "absent": "ffff" }),
        ]),
        // formats: programs read more forms of a time than RFC 3339 has
        case::<v::Timed>([json!({
            "at": "2025-01-02T03:04:05Z", "perhaps_at": "2025-01-02T03:04:05.123456+01:00", "day": "2025-01-02",
            "time": "03:04:05", "span": [90, 0], "perhaps_span": [-1, 5], "std_span": { "secs": 1, "nanos": 0 },
        })]),
        // rules that JSON Schema has no words for
        case::<v::Noted>([json!({
            "since": "2025-01-02T03:04:05Z", "until": "2999-01-02T03:04:05Z", "even": 2, "evens": [4], "bytes": "ä",
            "email": "ada@example.org", "url": "https://example.org/", "span": [300, 0], "letters": "abC", "bounded": "the end", "unit": { "every": [1, 0], "unit": "ää" },
        })]),
    ]
}

pub fn all() -> Vec<Case> {
    exact().into_iter().chain(others()).collect()
}

pub const UUID: &str = "018f4e6c-0000-7000-8000-000000000000";
