//! Rules as keywords of JSON Schema.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::validate::{FieldRules, Rule, Unit};

/// Adds the rules of a field to the schema of its type. The rules of nested types go to their definitions.
pub(super) fn apply(schema: &mut Schema, rules: &[Rule], generator: &mut SchemaGenerator) {
    if rules.is_empty() {
        return;
    }
    let mut value = std::mem::take(schema).to_value();
    let mut descent = Descent { generator, under_way: Vec::new() };
    descent.rules(&mut value, rules);
    if let Ok(done) = Schema::try_from(value) {
        *schema = done;
    }
}

struct Descent<'a> {
    generator: &'a mut SchemaGenerator,
    /// The definitions that are being worked on: a type may contain itself.
    under_way: Vec<String>,
}

impl Descent<'_> {
    fn rules(&mut self, schema: &mut Value, rules: &[Rule]) {
        for rule in rules {
            self.rule(schema, rule);
        }
    }

    fn rule(&mut self, schema: &mut Value, rule: &Rule) {
        match rule {
            Rule::Range { min, max } => {
                bound(schema, ("minimum", "min"), min.map(|limit| limit.value()));
                bound(schema, ("maximum", "max"), max.map(|limit| limit.value()));
            }
            Rule::Length { unit, min, max } => length(schema, *unit, *min, *max),
            Rule::Email => set(schema, "format", "email".into()),
            Rule::Url => set(schema, "format", "uri".into()),
            Rule::Pattern(pattern) => pattern_of(schema, pattern),
            Rule::OneOf(allowed) => {
                let mut values: Vec<Value> = allowed.iter().map(|allowed| Value::from(*allowed)).collect();
                if super::json::admits_null(schema) {
                    values.push(Value::Null);
                }
                set(schema, "enum", values.into());
            }
            Rule::Past => note(schema, "past".into()),
            Rule::Future => note(schema, "future".into()),
            Rule::Custom(path) => note(schema, format!("custom: {path}").into()),
            Rule::Nested(nested) => self.nested(schema, nested.rules()),
            Rule::Each(rules) => self.each(schema, rules),
        }
    }

    /// The rules of every item.
    fn each(&mut self, schema: &mut Value, rules: &[Rule]) {
        for key in ["items", "additionalProperties"] {
            if let Some(items) = schema.get_mut(key).filter(|items| items.is_object()) {
                self.rules(items, rules);
            }
        }
        self.alternatives(schema, |descent, alternative| descent.each(alternative, rules));
    }

    /// The rules of the fields of the type that the schema describes, wherever in it that is.
    fn nested(&mut self, schema: &mut Value, fields: &[FieldRules]) {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.rsplit('/').next()) {
            let name = name.to_owned();
            self.definition(name, fields);
        }
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            for (key, property) in properties {
                if let Some(rules) = fields.iter().find(|rules| rules.field == key) {
                    self.rules(property, rules.rules);
                }
            }
            if let Some(own) = fields.iter().find(|rules| rules.field.is_empty()) {
                self.rules(schema, own.rules);
            }
        }
        for key in ["items", "additionalProperties"] {
            if let Some(items) = schema.get_mut(key).filter(|items| items.is_object()) {
                self.nested(items, fields);
            }
        }
        self.alternatives(schema, |descent, alternative| descent.nested(alternative, fields));
    }

    fn definition(&mut self, name: String, fields: &[FieldRules]) {
        if self.under_way.contains(&name) {
            return;
        }
        let Some(mut definition) = self.generator.definitions().get(&name).cloned() else { return };
        self.under_way.push(name.clone());
        self.nested(&mut definition, fields);
        self.under_way.pop();
        self.generator.definitions_mut().insert(name, definition);
    }

    fn alternatives(&mut self, schema: &mut Value, mut work: impl FnMut(&mut Self, &mut Value)) {
        for key in ["anyOf", "oneOf", "allOf"] {
            if let Some(Value::Array(alternatives)) = schema.get_mut(key) {
                alternatives.iter_mut().for_each(|alternative| work(self, alternative));
            }
        }
    }
}

fn object(schema: &mut Value) -> &mut Map<String, Value> {
    if !schema.is_object() {
        *schema = Value::Object(Map::new());
    }
    match schema {
        Value::Object(map) => map,
        _ => unreachable!("it has just been made an object"),
    }
}

fn set(schema: &mut Value, keyword: &str, value: Value) {
    object(schema).insert(keyword.to_owned(), value);
}

/// A rule that JSON Schema has no keyword for.
fn note(schema: &mut Value, rule: Value) {
    if let Value::Array(rules) = object(schema).entry("x-rules").or_insert_with(|| json!([]))
        && !rules.contains(&rule)
    {
        rules.push(rule);
    }
}

/// A bound that is no number has no keyword.
fn bound(schema: &mut Value, (keyword, word): (&str, &str), limit: Option<Value>) {
    match limit {
        Some(limit @ Value::Number(_)) => set(schema, keyword, limit),
        Some(limit) => set(schema, &format!("x-{word}"), limit),
        None => {}
    }
}

fn length(schema: &mut Value, unit: Unit, min: Option<usize>, max: Option<usize>) {
    let is_map = schema.get("additionalProperties").is_some() || schema.get("properties").is_some();
    let (least, most) = match unit {
        Unit::Characters => ("minLength", "maxLength"),
        Unit::Bytes => ("x-min-bytes", "x-max-bytes"),
        Unit::Items if is_map => ("minProperties", "maxProperties"),
        Unit::Items => ("minItems", "maxItems"),
    };
    for (keyword, limit) in [(least, min), (most, max)] {
        if let Some(limit) = limit {
            set(schema, keyword, limit.into());
        }
    }
}

/// A schema has one `pattern`; further ones stand in `allOf`.
fn pattern_of(schema: &mut Value, pattern: &str) {
    let pattern = Value::from(pattern);
    let map = object(schema);
    match map.get("pattern") {
        None => {
            map.insert("pattern".into(), pattern);
        }
        Some(first) if *first == pattern => {}
        Some(_) => {
            let further = json!({ "pattern": pattern });
            if let Value::Array(all) = map.entry("allOf").or_insert_with(|| json!([]))
                && !all.contains(&further)
            {
                all.push(further);
            }
        }
    }
}
