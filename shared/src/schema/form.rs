//! What a JSON Schema says of a value, apart from how it says it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub(super) fn reference(schema: &Value) -> Option<String> {
    schema.get("$ref").and_then(Value::as_str).map(str::to_owned)
}

/// The schema with what it refers to in its place. Optional references, `anyOf` of one and null, count as the one.
pub(super) fn resolved(schema: &Value, root: &Value) -> Map<String, Value> {
    let Value::Object(own) = schema else { return Map::new() };
    let mut whole = Map::new();
    if let Some(target) = reference(schema).as_deref().and_then(|to| root.pointer(to.strip_prefix('#')?)) {
        whole = resolved(target, root);
    }
    let is_null = |schema: &&Value| schema.get("type").is_some_and(|ty| ty == "null");
    if let Some(Value::Array(any)) = own.get("anyOf")
        && let [one] = any.iter().filter(|one| !is_null(one)).collect::<Vec<_>>()[..]
    {
        whole = resolved(one, root);
        whole.insert("x-null".into(), true.into());
    }
    for (key, value) in own {
        let replaced = key == "$ref" || (key == "anyOf" && whole.contains_key("x-null"));
        if !replaced {
            whole.insert(key.clone(), value.clone());
        }
    }
    whole
}

/// What kind of value it is, apart from rules and from whether it may be null.
#[derive(PartialEq)]
pub(super) struct Form<'a> {
    types: BTreeSet<&'a str>,
    format: Option<&'a Value>,
    /// A list of free items, of one kind, of several in a row.
    shape: [bool; 3],
    /// How many alternatives there are of each kind.
    alternatives: [usize; 3],
}

pub(super) fn form(schema: &Map<String, Value>) -> Form<'_> {
    let mut types: BTreeSet<&str> = match schema.get("type") {
        Some(Value::String(ty)) => BTreeSet::from([ty.as_str()]),
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    };
    types.remove("null");
    let choice = choices(schema).is_some();
    if choice && types.is_empty() {
        types.insert("string");
    }
    // what a rule says about a text does not make it another type
    let format = schema.get("format").filter(|format| !matches!(format.as_str(), Some("email" | "uri")));
    let count = |key: &str| if choice { 0 } else { alternatives(schema, key).len() };
    Form {
        types,
        format,
        shape: ["items", "prefixItems", "additionalProperties"]
            .map(|key| schema.get(key).is_some_and(|part| part.is_object() || part.is_array())),
        alternatives: [count("oneOf"), count("anyOf"), count("allOf")],
    }
}

pub(super) fn words(schema: &Map<String, Value>) -> String {
    let form = form(schema);
    if let Some(choices) = choices(schema) {
        return format!("one of {}", choices.into_iter().collect::<Vec<_>>().join(", "));
    }
    let types: Vec<&str> = form
        .types
        .iter()
        .map(|ty| match *ty {
            "string" => "text",
            "array" => "a list",
            "object" => "an object",
            other => other,
        })
        .collect();
    let types = if types.is_empty() { String::from("anything") } else { types.join(" or ") };
    match form.format.and_then(Value::as_str) {
        Some(format) => format!("{types} ({format})"),
        None => types,
    }
}

pub(super) fn object_at<'a>(schema: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    schema.get(key).filter(|part| part.is_object())
}

pub(super) fn alternatives(schema: &Map<String, Value>, key: &str) -> Vec<Value> {
    // further patterns are a rule, not an alternative
    let is_pattern = |one: &&Value| one.as_object().is_some_and(|one| one.len() == 1 && one.contains_key("pattern"));
    let all = schema.get(key).and_then(Value::as_array).into_iter().flatten();
    all.filter(|one| !is_pattern(one)).cloned().collect()
}

pub(super) fn properties(schema: &Map<String, Value>) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

pub(super) fn required(schema: &Map<String, Value>) -> BTreeSet<&str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The values of a choice: of `enum`, or of alternatives that are constants.
pub(super) fn choices(schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
    if let Some(Value::Array(values)) = schema.get("enum") {
        return Some(values.iter().filter(|value| !value.is_null()).map(Value::to_string).collect());
    }
    if let Some(value) = schema.get("const") {
        return Some(BTreeSet::from([value.to_string()]));
    }
    let Some(Value::Array(alternatives)) = schema.get("oneOf") else { return None };
    let constants: Option<Vec<BTreeSet<String>>> = alternatives.iter().map(|one| choices(one.as_object()?)).collect();
    constants.map(|constants| constants.into_iter().flatten().collect())
}

/// The rules that are no limits, in words.
pub(super) fn others(schema: &Map<String, Value>) -> BTreeSet<String> {
    let patterns = schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| one.get("pattern"))
        .chain(schema.get("pattern"))
        .filter_map(Value::as_str)
        .map(|pattern| format!("a text that matches {pattern}"));
    let formats = schema.get("format").and_then(Value::as_str).and_then(|format| match format {
        "email" => Some("an e-mail address".to_owned()),
        "uri" => Some("a URL".to_owned()),
        _ => None,
    });
    let named = schema.get("x-rules").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    patterns.chain(formats).chain(named.map(|rule| format!("right by the rule `{rule}`"))).collect()
}
