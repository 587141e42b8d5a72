//! JSON Schema 2020-12 of an event's payload.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::Transform as _;
use serde_json::{Value, json};

use super::definitions::{Definitions, Finish};
use super::keywords;
use super::object::Object;
use crate::event::EventInfo;
use crate::validate::Rule;

/// The JSON Schema (2020-12) of an event type's payload: what a producer must send.
///
/// Protected values are marked `x-phi`; there are no examples and no defaults. Rules are keywords where JSON Schema has
/// one, and `x-rules` otherwise. `x-subject` and `x-key` say where the event travels and what keeps its order.
///
/// A payload that the schema accepts is one that the type takes, as far as JSON Schema can say it: nothing in it stands
/// for `x-rules`, and a format such as `int32` or `date-time` limits a value in most tools only when asked to. A program
/// may read a bit more than a producer is told: the names of `#[serde(alias)]`, times in less strict forms.
///
/// ```
/// use shared::prelude::*;
///
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(subject = "appointment.booked")]
/// struct AppointmentBooked {
///     #[validate(range(min = 5, max = 480))]
///     duration_minutes: u32,
///     reason: Option<Phi<String>>,
/// }
///
/// let schema = shared::schema::json_schema(AppointmentBooked::INFO);
/// assert_eq!(schema["required"], serde_json::json!(["duration_minutes"]));
/// assert_eq!(schema["properties"]["duration_minutes"]["maximum"], 480);
/// assert_eq!(schema["properties"]["reason"]["x-phi"], true);
/// ```
#[must_use]
pub fn json_schema(event: &EventInfo) -> Value {
    described(event, Finish { keep_examples: false })
}

/// The same with the examples of types: for golden payloads.
pub(super) fn with_examples(event: &EventInfo) -> Value {
    described(event, Finish { keep_examples: true })
}

fn described(event: &EventInfo, mut finish: Finish) -> Value {
    let mut definitions = Definitions::new(SchemaSettings::draft2020_12());
    let mut schema = payload(event, &mut definitions);
    let used = definitions.finish([&mut schema], []);
    let object = schema.ensure_object();
    object.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    object.insert("$id".into(), identifier(event).into());
    object.insert("x-subject".into(), event.subject.into());
    if let Some(key) = event.schema.key {
        object.insert("x-key".into(), key.into());
    }
    if !used.is_empty() {
        object.insert("$defs".into(), used.into());
    }
    finish.transform(&mut schema);
    schema.to_value()
}

/// The name of the schema, as the header `ce-dataschema` says it.
pub(super) fn identifier(event: &EventInfo) -> String {
    format!("urn:event:{}/v{}", event.event_type, event.version)
}

/// The schema of the payload alone; named types of its fields are left among the definitions.
pub(super) fn payload(event: &EventInfo, definitions: &mut Definitions) -> Schema {
    let rules_of = |name: &str| -> &[Rule] {
        event.schema.rules.iter().find(|rules| rules.field == name).map_or(&[], |rules| rules.rules)
    };
    let mut object = Object::default();
    for field in event.schema.fields {
        let mut schema = field.json_schema(&mut definitions.generator);
        keywords::apply(&mut schema, rules_of(field.name), definitions);
        if field.flattened {
            object.flatten(schema.to_value(), definitions);
        } else {
            object.insert(field, schema);
        }
    }
    if let Some((key, text)) = event.schema.tag {
        object.tag(key, json!({ "const": text }));
    }
    let mut schema = object.finish(event.schema.closed);
    keywords::apply(&mut schema, rules_of(""), definitions);
    let map = schema.ensure_object();
    map.insert("title".into(), event.name.into());
    if !event.schema.docs.is_empty() {
        map.insert("description".into(), event.schema.docs.into());
    }
    schema
}

/// Whether `null` is a value.
pub(super) fn admits_null(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(ty)) => ty == "null",
        Some(Value::Array(types)) => types.iter().any(|ty| ty == "null"),
        _ => ["anyOf", "oneOf"]
            .iter()
            .filter_map(|key| schema.get(key)?.as_array())
            .any(|alternatives| alternatives.iter().any(admits_null)),
    }
}
