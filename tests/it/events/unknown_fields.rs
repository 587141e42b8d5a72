//! Fields that a type does not know: ignored, unless the type keeps them.

use serde_json::{Value, json};
use shared::event::{MAX_DEPTH, Publish, decode_event};
use shared::prelude::*;

use crate::vocabulary::{FormFilled, FormLost, FormSent, VITALS, VitalsMeasured};

#[test]
fn they_are_ignored() {
    let newer = VITALS.replacen('{', r#"{"cuff":{"size":[1,2,"L"]},"by":null,"#, 1);
    let event = decode_event::<VitalsMeasured>(None, newer.as_bytes()).expect("it is understood");
    assert_eq!(event, decode_event(None, VITALS.as_bytes()).expect("it is understood"));
}

fn round_trip<E: Event + Publish>(payload: &Value) -> E {
    let event = decode_event::<E>(None, payload.to_string().as_bytes()).expect("it is understood");
    let draft = event.draft().expect("it can be published");
    let written: Value = serde_json::from_slice(&draft.payload).expect("it is JSON");
    assert_eq!(&written, payload);
    event
}

#[test]
fn a_type_can_keep_them() {
    let filled =
        json!({ "form_id": 7, "signed": true, "colour": "red", "pages": [{ "answers": { "q1": null } }], "n": -1.5 });
    let event: FormFilled = round_trip(&filled);
    assert_eq!((event.form_id, event.signed, event.rest.len()), (7, true, 3));
    assert_eq!(event.rest["pages"], filled["pages"]);
    let sent: FormSent = round_trip(&json!({ "form_id": 7, "to": ["a", "b"] }));
    assert_eq!(sent.rest["to"], json!(["a", "b"]));
    let lost: FormLost = round_trip(&json!({ "form_id": 7, "where": "train" }));
    assert_eq!(lost.rest["where"], "train");
    let none: FormFilled = round_trip(&json!({ "form_id": 7, "signed": false }));
    assert!(none.rest.is_empty());
}

#[test]
fn what_is_kept_does_not_count_as_the_types_own_names() {
    assert_eq!(FormFilled::INFO.fields, ["form_id", "signed", "rest"]);
    // a payload may well have a field of that name, which is one of the rest
    let event: FormFilled = round_trip(&json!({ "form_id": 7, "signed": true, "rest": "of it" }));
    assert_eq!(event.rest["rest"], "of it");
}

#[tokio::test]
async fn what_nobody_would_take_is_not_published() {
    let form = |rest: Value| {
        let Value::Object(rest) = rest else { panic!("it is an object") };
        FormFilled { form_id: 7, signed: true, rest }
    };
    let deep = (0..MAX_DEPTH).fold(json!(1), |inside, _| json!([inside]));
    for (rest, reason) in [
        (json!({ "form_id": 8 }), "a key is there twice"),
        (json!({ "a": ["sentinel\0"] }), "a text contains the character NUL"),
        (json!({ "sentinel\0": 1 }), "a text contains the character NUL"),
        (json!({ "a": deep }), "the payload is nested too deeply"),
    ] {
        let error = Bus::local().publish(form(rest)).await.expect_err("it would be refused").to_string();
        assert!(
            error.contains("`form.filled` would be refused by its subscribers") && error.contains(reason),
            "{error}"
        );
        assert!(!error.contains("sentinel"), "{error}");
    }
    let odd = json!({ "a\"b\\": "\\u0000", "c": [{ "d": 1 }, { "d": 2 }], "[{[{": "\u{1}" });
    Bus::local().publish(form(odd)).await.expect("nothing is wrong with it");
}
