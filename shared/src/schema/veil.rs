//! Payloads to look at, without what is protected in them.

use serde_json::{Map, Value};

use super::json::json_schema;
use super::words::is_protected;
use crate::event::EventInfo;

/// What stands in the place of a protected value, as `Phi` prints it.
const PROTECTED: &str = "‹phi›";

/// What stands in the place of a value that the type says nothing about.
const UNKNOWN: &str = "‹unknown›";

/// The payload with protected values hidden, and with them everything that the type does not describe: who knows what is
/// in there. `None` when it is not a payload of this type, or of one of its older versions.
pub(crate) fn veiled(event: &EventInfo, version: Option<u32>, data: &[u8]) -> Option<Value> {
    event.decodes?(version, data).ok()?;
    let payload: Value = serde_json::from_slice(data).ok()?;
    let mut written = event;
    while version.is_some_and(|version| version < written.version) {
        written = written.upcast?;
    }
    let schema = json_schema(written);
    Some(veil(&payload, &schema, &schema["$defs"], 0))
}

/// No type of an event is nested deeper than a payload may be.
const MAX_DEPTH: usize = crate::event::MAX_DEPTH;

fn veil(value: &Value, schema: &Value, definitions: &Value, depth: usize) -> Value {
    if is_protected(schema) {
        return if value.is_null() { Value::Null } else { PROTECTED.into() };
    }
    if depth > MAX_DEPTH {
        return UNKNOWN.into();
    }
    let deeper = |value, schema| veil(value, schema, definitions, depth + 1);
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        return deeper(value, &definitions[name]);
    }
    for key in ["anyOf", "oneOf"] {
        let alternatives = schema[key].as_array().map(|all| all.iter().filter(|one| one["type"] != "null"));
        match (alternatives, value) {
            (None, _) => {}
            (Some(_), Value::Null) => return Value::Null,
            (Some(mut alternatives), _) => {
                return match (alternatives.next(), alternatives.next()) {
                    (Some(only), None) => deeper(value, only),
                    // which one it is would have to be found out
                    _ => UNKNOWN.into(),
                };
            }
        }
    }
    match value {
        Value::Null => Value::Null,
        Value::Object(object) => {
            let known = object.iter().filter_map(|(name, value)| {
                let schema = schema["properties"].get(name)?;
                Some((name.clone(), deeper(value, schema)))
            });
            let mut shown: Map<String, Value> = known.collect();
            // the name of a field that nobody declared may say as much as its value
            if shown.len() < object.len() {
                shown.insert(UNKNOWN.into(), (object.len() - shown.len()).into());
            }
            shown.into()
        }
        Value::Array(items) if schema["items"].is_object() => {
            items.iter().map(|item| deeper(item, &schema["items"])).collect()
        }
        Value::Array(_) => UNKNOWN.into(),
        scalar if described(schema) => scalar.clone(),
        _ => UNKNOWN.into(),
    }
}

/// Whether the schema says what a scalar is.
fn described(schema: &Value) -> bool {
    ["type", "const", "enum"].iter().any(|key| schema.get(key).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::prelude::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Address {
        city: Phi<String>,
        country: String,
    }

    #[derive(Serialize, Deserialize, Event)]
    #[event(subject = "patient.moved", crate = crate)]
    struct PatientMoved {
        patient_id: u32,
        name: Phi<String>,
        note: Option<Phi<String>>,
        reason: Option<String>,
        to: Address,
        before: Vec<Address>,
        anything: Value,
    }

    fn payload(more: Value) -> Value {
        let address = json!({"city": "SECRET", "country": "NL"});
        let mut payload = json!({
            "patient_id": 7, "name": "SECRET", "note": "SECRET", "reason": "work", "to": address,
            "before": [address, {"city": "SECRET", "country": "DE", "street": "SECRET"}],
            "anything": {"SECRET": 1},
        });
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payload
    }

    fn seen(payload: &Value) -> Option<Value> {
        veiled(PatientMoved::INFO, None, payload.to_string().as_bytes())
    }

    #[test]
    fn what_is_protected_or_not_described_is_hidden() {
        let shown = seen(&payload(json!({"SECRET": "SECRET"}))).unwrap();
        assert!(!shown.to_string().contains("SECRET"), "{shown}");
        assert_eq!((&shown["patient_id"], &shown["reason"]), (&json!(7), &json!("work")));
        assert_eq!(shown["name"], PROTECTED);
        assert_eq!(shown["before"][1], json!({"city": PROTECTED, "country": "DE", UNKNOWN: 1}));
        assert_eq!(shown[UNKNOWN], 1);
    }

    #[test]
    fn that_there_is_no_protected_value_is_shown() {
        assert_eq!(seen(&payload(json!({"note": null}))).unwrap()["note"], Value::Null);
    }

    #[test]
    fn a_payload_of_another_form_is_hidden_as_a_whole() {
        assert_eq!(seen(&payload(json!({"patient_id": "SECRET"}))), None);
    }
}
