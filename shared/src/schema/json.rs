//! JSON Schema 2020-12 of an event's payload.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::keywords;
use crate::event::{EventInfo, FieldSchema};

/// The JSON Schema (2020-12) of an event type's payload: what a producer must send.
///
/// Protected values are marked `x-phi`; there are no examples. Rules are keywords where JSON Schema has one, and
/// `x-rules` otherwise. `x-subject` and `x-key` say where the event travels and what keeps its order.
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
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = payload(event, &mut generator);
    let definitions = generator.take_definitions(true);
    let object = schema.ensure_object();
    object.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    object.insert("$id".into(), identifier(event).into());
    object.insert("x-subject".into(), event.subject.into());
    if let Some(key) = event.schema.key {
        object.insert("x-key".into(), key.into());
    }
    let used = referenced(&schema, &definitions, "#/$defs/");
    if !used.is_empty() {
        schema.ensure_object().insert("$defs".into(), used.into());
    }
    schema.to_value()
}

/// The name of the schema, as the header `ce-dataschema` says it.
pub(super) fn identifier(event: &EventInfo) -> String {
    format!("urn:event:{}/v{}", event.event_type, event.version)
}

/// The schema of the payload alone; named types of its fields are left among the generator's definitions.
pub(super) fn payload(event: &EventInfo, generator: &mut SchemaGenerator) -> Schema {
    let mut object = Object::default();
    for field in event.schema.fields {
        let mut schema = field.json_schema(generator);
        let rules =
            event.schema.rules.iter().find(|rules| rules.field == field.name).map_or(&[][..], |rules| rules.rules);
        keywords::apply(&mut schema, rules, generator);
        if field.flattened {
            object.flatten(field, schema, generator);
        } else {
            object.insert(field, schema);
        }
    }
    if let Some((key, text)) = event.schema.tag {
        object.properties.insert(key.into(), json!({ "const": text }));
    }
    if event.schema.closed {
        object.additional = Some(false.into());
    }
    let mut schema = object.finish();
    let map = schema.ensure_object();
    map.insert("title".into(), event.name.into());
    if !event.schema.docs.is_empty() {
        map.insert("description".into(), event.schema.docs.into());
    }
    schema
}

#[derive(Default)]
struct Object {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// What is allowed besides the properties.
    additional: Option<Value>,
    /// Flattened types that are no plain objects.
    all_of: Vec<Value>,
}

impl Object {
    fn insert(&mut self, field: &FieldSchema, mut schema: Schema) {
        if !field.defaulted && !admits_null(schema.as_value()) {
            self.required.push(field.name.to_owned());
        }
        if !field.docs.is_empty() {
            schema.ensure_object().insert("description".into(), field.docs.into());
        }
        self.properties.insert(field.name.to_owned(), schema.to_value());
    }

    fn flatten(&mut self, field: &FieldSchema, schema: Schema, generator: &SchemaGenerator) {
        let resolved = resolve(schema.as_value(), generator).unwrap_or_else(|| schema.as_value());
        let plain = ["oneOf", "anyOf", "allOf", "$ref"].iter().all(|key| resolved.get(key).is_none());
        let Some(object) = resolved.as_object().filter(|_| plain) else {
            if schema.as_value() != &Value::Bool(true) {
                self.all_of.push(schema.to_value());
            }
            return;
        };
        if let Some(Value::Object(properties)) = object.get("properties") {
            self.properties.extend(properties.clone());
        }
        if let (Some(Value::Array(required)), false) = (object.get("required"), field.defaulted) {
            self.required.extend(required.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        if let Some(additional) = object.get("additionalProperties") {
            self.additional = Some(additional.clone());
        }
    }

    fn finish(self) -> Schema {
        let mut map = Map::new();
        map.insert("type".into(), "object".into());
        map.insert("properties".into(), self.properties.into());
        if !self.required.is_empty() {
            map.insert("required".into(), self.required.into());
        }
        if let Some(additional) = self.additional {
            map.insert("additionalProperties".into(), additional);
        }
        if !self.all_of.is_empty() {
            map.insert("allOf".into(), self.all_of.into());
        }
        map.into()
    }
}

/// Whether `null` is a value: then serde takes an absent field for `None`.
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

/// What a reference to a definition of the generator stands for.
fn resolve<'a>(schema: &Value, generator: &'a SchemaGenerator) -> Option<&'a Value> {
    let name = schema.get("$ref")?.as_str()?.rsplit('/').next()?;
    generator.definitions().get(name)
}

/// The definitions that a schema refers to, also by way of others.
fn referenced(schema: &Schema, definitions: &Map<String, Value>, prefix: &str) -> Map<String, Value> {
    let mut used = Map::new();
    let mut open = vec![schema.as_value()];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(prefix))
                    && !used.contains_key(name)
                    && let Some(definition) = definitions.get(name)
                {
                    used.insert(name.to_owned(), definition.clone());
                    open.push(definition);
                }
                open.extend(map.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    used
}
