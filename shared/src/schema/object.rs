//! The payload's object, and what is flattened into it as serde does it.

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::definitions::Definitions;
use super::json::admits_null;
use crate::event::FieldSchema;

#[derive(Default)]
pub(super) struct Object {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// What is allowed besides the properties, of keys of some form.
    patterns: Map<String, Value>,
    /// What is allowed besides the properties.
    additional: Option<Value>,
    /// Flattened types that are no plain objects.
    all_of: Vec<Value>,
    /// Rules of flattened types that have no keyword.
    rules: Vec<Value>,
}

impl Object {
    pub(super) fn insert(&mut self, field: &FieldSchema, mut schema: Schema) {
        // serde takes an absent field for `None`; a unit must be there, and so must what a function reads
        let is_unit = schema.get("type").is_some_and(|ty| ty == "null");
        // the schema of an optional `Value` does not say so
        let optional = (admits_null(schema.as_value()) && !is_unit) || field.is_option();
        if !field.defaulted && (field.stated || !optional) {
            self.required.push(field.name.to_owned());
        }
        if !field.docs.is_empty() {
            schema.ensure_object().insert("description".into(), field.docs.into());
        }
        self.properties.insert(field.name.to_owned(), schema.to_value());
    }

    /// A key that is written and not asked for.
    pub(super) fn tag(&mut self, key: &str, text: Value) {
        self.properties.insert(key.to_owned(), text);
    }

    /// Puts the fields of a type among the others. Of an optional type all may be absent.
    pub(super) fn flatten(&mut self, schema: Value, definitions: &Definitions) {
        let mut part = Part::of(schema, definitions);
        if part.protected {
            protect(&mut part.schema);
        }
        let plain = ["oneOf", "anyOf", "allOf", "$ref"].iter().all(|key| !part.schema.contains_key(*key));
        if !plain {
            self.alternatives(part);
            return;
        }
        if let Some(Value::Object(properties)) = part.schema.remove("properties") {
            self.properties.extend(properties);
        }
        if let (Some(Value::Array(required)), false) = (part.schema.remove("required"), part.optional) {
            self.required.extend(required.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        if let Some(Value::Object(patterns)) = part.schema.remove("patternProperties") {
            self.patterns.extend(patterns);
        }
        if let Some(Value::Array(rules)) = part.schema.remove("x-rules") {
            self.rules.extend(rules);
        }
        if let Some(additional) = part.schema.remove("additionalProperties").filter(|_| !part.named) {
            self.additional = Some(additional);
        }
    }

    /// A type that is one of several objects.
    fn alternatives(&mut self, mut part: Part) {
        open(&mut part.schema);
        let schema = Value::Object(part.schema);
        self.all_of.push(if part.optional { json!({ "anyOf": [schema, {}] }) } else { schema });
    }

    pub(super) fn finish(self, closed: bool) -> Schema {
        let mut map = Map::new();
        map.insert("type".into(), "object".into());
        map.insert("properties".into(), self.properties.into());
        if !self.required.is_empty() {
            map.insert("required".into(), self.required.into());
        }
        if !self.patterns.is_empty() {
            map.insert("patternProperties".into(), self.patterns.into());
        }
        if closed {
            // the other keyword does not see the fields of alternatives
            let key = if self.all_of.is_empty() { "additionalProperties" } else { "unevaluatedProperties" };
            map.insert(key.into(), false.into());
        } else if let Some(additional) = self.additional {
            map.insert("additionalProperties".into(), additional);
        }
        if !self.all_of.is_empty() {
            map.insert("allOf".into(), self.all_of.into());
        }
        if !self.rules.is_empty() {
            map.insert("x-rules".into(), self.rules.into());
        }
        map.into()
    }
}

/// What is flattened, looked at through references, `Option` and `Phi`.
struct Part {
    schema: Map<String, Value>,
    /// A struct or an enum, no map.
    named: bool,
    optional: bool,
    protected: bool,
}

impl Part {
    fn of(schema: Value, definitions: &Definitions) -> Self {
        let mut part = Self { schema: Map::new(), named: false, optional: false, protected: false };
        let mut next = schema;
        loop {
            part.protected |= next.get("x-phi").is_some_and(|mark| mark == true);
            if let Some(target) = definitions.name_in(&next).and_then(|name| definitions.get(&name)) {
                part.named = true;
                next = target.clone();
            } else if let Some(one) = only_alternative_to_null(&next) {
                part.optional = true;
                next = one.clone();
            } else {
                break;
            }
        }
        part.optional |= !part.named && admits_null(&next);
        if let Value::Object(schema) = next {
            part.schema = schema;
        }
        part
    }
}

/// What `Option` of a named type is a schema of.
pub(super) fn only_alternative_to_null(schema: &Value) -> Option<&Value> {
    let any = schema.get("anyOf")?.as_array()?;
    let mut others = any.iter().filter(|one| one.get("type").is_none_or(|ty| ty != "null"));
    let one = others.next()?;
    (others.next().is_none() && any.len() == 2).then_some(one)
}

/// Marks every property.
fn protect(schema: &mut Map<String, Value>) {
    for key in ["properties", "patternProperties"] {
        if let Some(Value::Object(properties)) = schema.get_mut(key) {
            properties.values_mut().filter_map(Value::as_object_mut).for_each(|property| {
                property.insert("x-phi".into(), true.into());
            });
        }
    }
    if let Some(additional) = schema.get_mut("additionalProperties").filter(|additional| **additional != false) {
        if !additional.is_object() {
            *additional = json!({});
        }
        additional["x-phi"] = true.into();
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(Value::Array(alternatives)) = schema.get_mut(key) {
            alternatives.iter_mut().filter_map(Value::as_object_mut).for_each(protect);
        }
    }
}

/// Alternatives among other fields do not refuse those, and a variant without fields, else a text, is a key with `null`.
fn open(schema: &mut Map<String, Value>) {
    if schema.get("additionalProperties").is_some_and(|more| more == false) {
        schema.remove("additionalProperties");
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        let Some(Value::Array(alternatives)) = schema.get_mut(key) else { continue };
        let mut opened = Vec::new();
        for alternative in std::mem::take(alternatives) {
            let Value::Object(mut alternative) = alternative else { continue };
            match units(&alternative) {
                Some(names) => opened.extend(names.iter().map(unit)),
                None => {
                    open(&mut alternative);
                    opened.push(alternative.into());
                }
            }
        }
        *alternatives = opened;
    }
}

/// The texts that a schema allows.
fn units(schema: &Map<String, Value>) -> Option<Vec<String>> {
    let texts = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(texts)), _) => texts.clone(),
        (None, Some(text)) => vec![text.clone()],
        _ => return None,
    };
    texts.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

fn unit(name: &String) -> Value {
    json!({ "type": "object", "properties": { name: { "type": "null" } }, "required": [name] })
}
