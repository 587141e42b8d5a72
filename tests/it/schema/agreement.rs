//! A schema accepts what a program accepts.

use fastrand::Rng;
use serde_json::Value;
use shared::schema::json_schema;
use tests::Official;

use crate::cases::{Case, all, exact};
use crate::mutation::mutated;

const ROUNDS: usize = 500;

#[test]
fn payloads_written_by_hand_are_valid_and_so_is_what_serde_makes_of_them() {
    for Case { info, payloads, accepts } in all() {
        let schema = Official::schema(&json_schema(info));
        for payload in payloads {
            assert_eq!(schema.mistakes(&payload), [""; 0], "{}", info.event_type);
            let written = accepts(payload.to_string().as_bytes());
            let written = written.unwrap_or_else(|error| panic!("{}: {error}", info.event_type));
            assert_eq!(schema.mistakes(&written), [""; 0], "{}: {written}", info.event_type);
        }
    }
}

/// Of what JSON Schema has words for. These it has none for, and no mutation makes them:
///
/// - `1.0` is an integer for JSON Schema, and none for serde.
/// - Formats such as `int32` limit numbers, and no validator has to know them; nor is there one for keys of a map.
/// - serde reads a struct from a list of its fields' values too.
///
/// These are made, and passed over:
///
/// - Items of a set are there once, says the schema; serde takes them twice.
/// - serde takes a variant's number for its name in a tag.
/// - A variant without fields of an adjacently tagged enum has no content; the schema allows any beside its tag.
///
/// What else differs is said where its event is, in [`others`](crate::cases::others).
/// Tags as the list above has them.
fn undecidable(payload: &Value) -> bool {
    match payload {
        Value::Object(object) => {
            ["type", "t"].iter().any(|tag| object.get(*tag).is_some_and(Value::is_number))
                || (object.get("t").is_some_and(|tag| tag == "Nobody") && object.contains_key("c"))
                || object.values().any(undecidable)
        }
        Value::Array(list) => list.iter().any(undecidable),
        _ => false,
    }
}

#[test]
fn a_schema_accepts_what_the_program_accepts_and_nothing_else() {
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let mut differences: Vec<String> = Vec::new();
    let mut accepted = 0;
    for Case { info, payloads, accepts } in exact() {
        let schema = Official::schema(&json_schema(info));
        for round in 0..ROUNDS {
            let payload = mutated(&payloads[round % payloads.len()], &mut rng);
            let read = accepts(payload.to_string().as_bytes());
            let mistakes = schema.mistakes(&payload);
            if undecidable(&payload) || mistakes.iter().any(|one| one.ends_with("non-unique elements")) {
                continue;
            }
            accepted += usize::from(read.is_ok());
            if read.is_ok() != mistakes.is_empty() {
                let says = read.map(|_| "is accepted".to_owned()).unwrap_or_else(|error| error.to_string());
                differences.push(format!("{}: {payload}\n  program: {says}\n  schema: {mistakes:?}", info.event_type));
            }
        }
    }
    assert!(accepted > ROUNDS, "only {accepted} were accepted: nothing was learnt, seed {seed}");
    assert!(
        differences.is_empty(),
        "seed {seed}, {} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(40)].join("\n")
    );
}
