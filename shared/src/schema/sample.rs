//! A payload that a schema allows: the golden payload of an event type, free of anybody's data.

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value};

/// How deep optional parts go: a type may contain itself.
const OPTIONAL_DEPTH: usize = 6;
/// How deep anything goes.
const DEPTH: usize = 40;

/// A value that the schema allows, as full as it can be. `root` has the definitions that it refers to.
pub(super) fn sample(schema: &Value, root: &Value) -> Value {
    Maker { root }.value(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
}

impl Maker<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        if depth > DEPTH {
            return Value::Null;
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        for key in ["enum", "examples"] {
            if let Some(first) = schema.get(key).and_then(Value::as_array).and_then(|values| values.first()) {
                return first.clone();
            }
        }
        if let Some(to) = schema.get("$ref").and_then(Value::as_str) {
            let target = to.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Value::Null, |target| self.value(target, depth + 1));
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(alternatives) = schema.get(key).and_then(Value::as_array) {
                let chosen = self.chosen(alternatives, depth).map_or(Value::Null, |one| self.value(one, depth + 1));
                return self.merged(schema, chosen, depth);
            }
        }
        let of_type = match self.type_of(schema) {
            Some("object") => Value::Object(self.object(schema, depth)),
            Some("array") => self.array(schema, depth),
            Some("string") => Value::String(text(schema)),
            Some("integer") => number(schema, true),
            Some("number") => number(schema, false),
            Some("boolean") => true.into(),
            Some(_) => Value::Null,
            None if schema.get("properties").is_some() => Value::Object(self.object(schema, depth)),
            None => Value::Object(Map::new()),
        };
        self.merged(schema, of_type, depth)
    }

    /// The first alternative that is no `null`; deep down the one that ends soonest.
    fn chosen<'s>(&self, alternatives: &'s [Value], depth: usize) -> Option<&'s Value> {
        let mut others = alternatives.iter().filter(|one| one.get("type").is_none_or(|ty| ty != "null"));
        if depth < OPTIONAL_DEPTH {
            return others.next();
        }
        others.min_by_key(|one| self.height(one, &mut Vec::new()).unwrap_or(usize::MAX))
    }

    /// How deep the value goes at least; `None` for a type that contains itself.
    fn height<'s>(&'s self, schema: &'s Value, under_way: &mut Vec<&'s str>) -> Option<usize> {
        if let Some(to) = schema.get("$ref").and_then(Value::as_str) {
            if under_way.contains(&to) {
                return None;
            }
            under_way.push(to);
            let target = to.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            let height = target.map_or(Some(0), |target| self.height(target, under_way));
            under_way.pop();
            return height;
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(alternatives) = schema.get(key).and_then(Value::as_array) {
                return alternatives.iter().filter_map(|one| self.height(one, under_way)).min();
            }
        }
        let required = texts(schema.get("required"));
        let properties = required.iter().filter_map(|name| schema.get("properties")?.get(*name));
        let row = schema.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
        let items = schema.get("items").filter(|_| schema.get("minItems").and_then(Value::as_u64) > Some(0));
        let mut height = 0;
        for part in properties.chain(row).chain(items) {
            height = height.max(1 + self.height(part, under_way)?);
        }
        Some(height)
    }

    /// With what `allOf` and the schema's own properties add to an object.
    fn merged(&self, schema: &Value, value: Value, depth: usize) -> Value {
        let Value::Object(mut object) = value else { return value };
        if schema.get("properties").is_some() {
            for (key, value) in self.object(schema, depth) {
                object.entry(key).or_insert(value);
            }
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            if let Value::Object(more) = self.value(part, depth + 1) {
                object.extend(more);
            }
        }
        Value::Object(object)
    }

    fn type_of<'s>(&self, schema: &'s Value) -> Option<&'s str> {
        match schema.get("type")? {
            Value::String(ty) => Some(ty),
            Value::Array(types) => types.iter().filter_map(Value::as_str).find(|ty| *ty != "null"),
            _ => None,
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Map<String, Value> {
        let required: Vec<&str> = texts(schema.get("required"));
        let mut object = Map::new();
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if depth < OPTIONAL_DEPTH || required.contains(&key.as_str()) {
                object.insert(key.clone(), self.value(property, depth + 1));
            }
        }
        self.entries(schema, depth, &mut object);
        object
    }

    /// What a map has: an entry of each form.
    fn entries(&self, schema: &Value, depth: usize, object: &mut Map<String, Value>) {
        let patterns = schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
        for (pattern, value) in patterns.filter(|_| depth < OPTIONAL_DEPTH) {
            let key = regex_syntax::parse(pattern).map(|hir| matching(&hir)).unwrap_or_default();
            object.insert(key, self.value(value, depth + 1));
        }
        let Some(value) = schema.get("additionalProperties").filter(|value| **value != false) else { return };
        let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0).min(1_000);
        let wanted = if depth < OPTIONAL_DEPTH { least.max(1) } else { least };
        for number in 1..=wanted {
            object.insert(format!("key_{number}"), self.value(value, depth + 1));
        }
    }

    fn array(&self, schema: &Value, depth: usize) -> Value {
        if let Some(Value::Array(items)) = schema.get("prefixItems") {
            return items.iter().map(|item| self.value(item, depth + 1)).collect();
        }
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let wanted = if depth < OPTIONAL_DEPTH { least.max(1).min(most) } else { least };
        let item = schema.get("items").filter(|items| items.is_object());
        (0..wanted.min(1_000)).map(|_| item.map_or(Value::Null, |item| self.value(item, depth + 1))).collect()
    }
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn text(schema: &Value) -> String {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let of_format = match format {
        "uuid" => "018f4e6c-0000-7000-8000-000000000000",
        "date-time" => "2025-01-02T03:04:05.123456Z",
        "partial-date-time" => "2025-01-02T03:04:05.123456",
        "date" => "2025-01-02",
        "time" | "partial-time" => "03:04:05",
        "duration" => "PT1H",
        "email" => "somebody@example.org",
        "uri" | "url" | "uri-reference" => "https://example.org/",
        "ip" | "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        _ => "",
    };
    if !of_format.is_empty() {
        return of_format.to_owned();
    }
    let further = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    let of_all = [schema].into_iter().chain(further);
    let patterns: Vec<&str> = of_all.filter_map(|part| part.get("pattern")?.as_str()).collect();
    if !patterns.is_empty() {
        return text_of(&patterns);
    }
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
    let mut text = String::from("text");
    let length = bound("minLength").or(bound("x-min-bytes")).unwrap_or(0).min(10_000);
    while text.len() < length {
        text.push('x');
    }
    text.truncate(bound("maxLength").or(bound("x-max-bytes")).unwrap_or(text.len()));
    text
}

/// A text that one of the expressions matches, all of them if possible.
fn text_of(patterns: &[&str]) -> String {
    let texts: Vec<String> = patterns
        .iter()
        .filter_map(|pattern| regex_syntax::parse(pattern).ok())
        .map(|expression| matching(&expression))
        .collect();
    let expressions: Vec<Regex> = patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect();
    let of_all = texts.iter().find(|text| expressions.iter().all(|expression| expression.is_match(text)));
    of_all.or(texts.first()).cloned().unwrap_or_default()
}

/// The shortest text that an expression matches, of characters that are easy to read.
fn matching(hir: &Hir) -> String {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => String::new(),
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).into_owned(),
        HirKind::Class(class) => readable(class).to_string(),
        HirKind::Repetition(repetition) => {
            matching(&repetition.sub).repeat(usize::try_from(repetition.min).unwrap_or(0).min(10_000))
        }
        HirKind::Capture(capture) => matching(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(matching).collect(),
        HirKind::Alternation(parts) => parts.first().map(matching).unwrap_or_default(),
    }
}

fn readable(class: &Class) -> char {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    let has = |c: &char| ranges.iter().any(|(start, end)| (start..=end).contains(&c));
    ['a', 'A', '1', '0', '-', '.', ' ']
        .into_iter()
        .find(has)
        .unwrap_or_else(|| ranges.first().map_or('x', |range| range.0))
}

fn number(schema: &Value, whole: bool) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = bound("minimum").or(bound("exclusiveMinimum").map(|bound| bound + 1.0));
    let most = bound("maximum").or(bound("exclusiveMaximum").map(|bound| bound - 1.0));
    let mut chosen: f64 = 1.0;
    if least.is_some_and(|least| chosen < least) || most.is_some_and(|most| chosen > most) {
        chosen = least.or(most).unwrap_or(chosen);
    }
    if whole {
        // the bounds themselves, not their nearest floating-point numbers
        let exact = ["minimum", "maximum"]
            .iter()
            .filter_map(|key| schema.get(key))
            .find(|exact| exact.as_f64() == Some(chosen));
        return match exact {
            Some(exact) if exact.is_i64() || exact.is_u64() => exact.clone(),
            _ => Value::from(chosen.ceil() as i64),
        };
    }
    Value::from(chosen)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_made_is_allowed() {
        let schema = json!({
            "type": "object",
            "properties": {
                "id": { "type": "string", "format": "uuid" },
                "minutes": { "type": "integer", "minimum": 5, "maximum": 480 },
                "share": { "type": "number", "maximum": 0.5 },
                "mrn": { "type": "string", "pattern": "^[A-Z]{2}[0-9]{6}$" },
                "note": { "type": ["string", "null"], "minLength": 6 },
                "kind": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/Kind" }] },
                "lines": { "type": "array", "items": { "$ref": "#/$defs/Line" }, "minItems": 2 },
                "span": { "type": "array", "prefixItems": [{ "type": "integer" }, { "type": "boolean" }] },
            },
            "$defs": {
                "Kind": { "oneOf": [{ "const": "walk_in", "type": "string" }, { "const": "booked" }] },
                "Line": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Line" } } },
            },
        });
        let made = sample(&schema, &schema);
        assert_eq!(made["minutes"], 5);
        assert_eq!(made["share"], 0.5);
        assert_eq!(made["mrn"], "AA111111");
        assert_eq!(made["note"], "textxx");
        assert_eq!(made["kind"], "walk_in");
        assert_eq!(made["lines"].as_array().map(Vec::len), Some(2));
        assert_eq!(made["span"], json!([1, true]));
    }
}
