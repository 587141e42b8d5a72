//! Rules as keywords of JSON Schema.

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::definitions::Definitions;
use super::pattern;
use crate::validate::{FieldRules, Rule, Unit};

/// Where a schema has the schemas of what it contains.
const ITEMS: [&str; 2] = ["items", "additionalProperties"];

/// Adds the rules of a field to the schema of its type. A named type with rules of its own becomes another definition.
pub(super) fn apply(schema: &mut Schema, rules: &[Rule], definitions: &mut Definitions) {
    if rules.is_empty() {
        return;
    }
    let mut value = std::mem::take(schema).to_value();
    Descent { definitions }.rules(&mut value, rules);
    if let Ok(done) = Schema::try_from(value) {
        *schema = done;
    }
}

struct Descent<'a> {
    definitions: &'a mut Definitions,
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
            Rule::Pattern(pattern) => match pattern::ecma(pattern) {
                Some(pattern) => pattern_of(schema, &pattern),
                None => note(schema, format!("pattern: {pattern}").into()),
            },
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
            Rule::Each(rules) => self.contained(schema, &mut |descent, item| descent.rules(item, rules)),
        }
    }

    /// Works on the schemas of every item of a list, of every value of a map.
    fn contained(&mut self, schema: &mut Value, work: &mut dyn FnMut(&mut Self, &mut Value)) {
        for key in ITEMS {
            if let Some(items) = schema.get_mut(key).filter(|items| items.is_object()) {
                work(self, items);
            }
        }
        // a map whose keys are of a form, or the variants of an enum
        for key in ["patternProperties", "properties"] {
            if let Some(Value::Object(values)) = schema.get_mut(key) {
                values.values_mut().for_each(|value| work(self, value));
            }
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = schema.get_mut(key) {
                alternatives.iter_mut().for_each(|alternative| self.contained(alternative, work));
            }
        }
    }

    /// The rules of a type, wherever in the schema it is.
    fn nested(&mut self, schema: &mut Value, fields: &[FieldRules]) {
        if let Some(name) = self.definitions.name_in(schema) {
            let reference = self.definitions.ruled(&name, |definitions, definition| {
                Descent { definitions }.fields(definition, fields);
            });
            set(schema, "$ref", reference.into());
            return;
        }
        let is_it = |(key, _): (&String, &Value)| fields.iter().any(|rules| rules.field == key);
        if schema.get("properties").and_then(Value::as_object).is_some_and(|properties| properties.iter().any(is_it)) {
            self.fields(schema, fields);
            return;
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = schema.get_mut(key) {
                alternatives.iter_mut().for_each(|alternative| self.nested(alternative, fields));
                return;
            }
        }
        self.contained(schema, &mut |descent, item| descent.nested(item, fields));
    }

    /// The rules of the fields of the type that this is the schema of.
    fn fields(&mut self, schema: &mut Value, fields: &[FieldRules]) {
        for FieldRules { field, rules } in fields {
            if field.is_empty() {
                self.rules(schema, rules);
            } else if let Some(property) = schema.get_mut("properties").and_then(|all| all.get_mut(*field)) {
                self.rules(property, rules);
            } else {
                // its own fields stand here
                for rule in *rules {
                    if let Rule::Nested(nested) = rule {
                        self.fields(schema, nested.rules());
                    }
                }
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
        Some(limit @ Value::Number(_)) => limit_by(schema, keyword, limit),
        Some(limit) => set(schema, &format!("x-{word}"), limit),
        None => {}
    }
}

fn length(schema: &mut Value, unit: Unit, min: Option<usize>, max: Option<usize>) {
    let of_maps = ["additionalProperties", "patternProperties", "properties"];
    let is_map = of_maps.iter().any(|key| schema.get(key).is_some());
    let (least, most) = match unit {
        Unit::Characters => ("minLength", "maxLength"),
        Unit::Bytes => ("x-min-bytes", "x-max-bytes"),
        Unit::Items if is_map => ("minProperties", "maxProperties"),
        Unit::Items => ("minItems", "maxItems"),
    };
    for (keyword, limit) in [(least, min), (most, max)] {
        if let Some(limit) = limit {
            limit_by(schema, keyword, limit.into());
        }
    }
}

/// Sets a bound, unless the type itself has a narrower one.
fn limit_by(schema: &mut Value, keyword: &str, limit: Value) {
    let of_type = schema.get(keyword).and_then(Value::as_f64).zip(limit.as_f64());
    let narrower = |(of_type, limit)| if keyword.starts_with("min") { of_type > limit } else { of_type < limit };
    if !of_type.is_some_and(narrower) {
        set(schema, keyword, limit);
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
