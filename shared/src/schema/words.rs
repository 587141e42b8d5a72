//! Schemas in words, for cells of tables and items of lists.

use serde_json::Value;

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// What is known of a field besides its type and its rules.
pub(super) fn notes(property: &Value) -> String {
    let docs = property["description"].as_str().map(cell).unwrap_or_default();
    let notes = [protection(property).to_owned(), docs];
    notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ")
}

fn protection(schema: &Value) -> &'static str {
    if is_protected(schema) {
        "protected"
    } else if contains_protected(schema) {
        "protected inside"
    } else {
        ""
    }
}

pub(super) fn is_protected(schema: &Value) -> bool {
    let alternatives = ["anyOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
    schema["x-phi"] == true || alternatives.filter(|one| one["type"] != "null").any(is_protected)
}

/// Named types are described elsewhere.
fn contains_protected(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => schema["x-phi"] == true || object.values().any(contains_protected),
        Value::Array(list) => list.iter().any(contains_protected),
        _ => false,
    }
}

/// Type and rules.
pub(super) fn without_notes(schema: &Value) -> String {
    let mut parts = vec![of_type(schema)];
    parts.extend(of_rules(schema));
    parts.join("; ")
}

/// Type, rules and notes in one.
pub(super) fn in_full(schema: &Value) -> String {
    let mut parts = vec![without_notes(schema)];
    if schema["properties"].is_object() {
        // the type says what of it is protected
        parts.extend(schema["description"].as_str().map(cell));
    } else {
        parts.push(notes(schema));
    }
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The type alone.
pub(super) fn of_type(schema: &Value) -> String {
    if let Some(to) = schema["$ref"].as_str() {
        let name = format!("`{}`", to.rsplit('/').next().unwrap_or(to));
        return if schema["properties"].is_object() { format!("{name} with {}", fields(schema)) } else { name };
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{}`", cell(&constant.to_string()));
    }
    if let Some(values) = schema["enum"].as_array() {
        let words: Vec<String> = values
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| format!("`{}`", cell(&value.to_string())))
            .collect();
        return words.join(" or ");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema[key].as_array() {
            let words: Vec<String> = alternatives.iter().filter(|one| one["type"] != "null").map(of_type).collect();
            return words.join(" or ");
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(ty) => vec![ty.as_str()],
        Value::Array(types) => types.iter().filter_map(Value::as_str).filter(|ty| *ty != "null").collect(),
        _ => vec!["any"],
    };
    match (types.as_slice(), schema["format"].as_str()) {
        (["array"], _) => array(schema),
        (["object"], _) => object(schema),
        (_, Some(format)) => format!("{} ({format})", types.join(" or ")),
        _ => types.join(" or "),
    }
}

fn array(schema: &Value) -> String {
    if let Some(items) = schema["prefixItems"].as_array() {
        return format!("array of {}", items.iter().map(of_type).collect::<Vec<_>>().join(", then "));
    }
    match &schema["items"] {
        items @ Value::Object(_) => format!("array of {}", of_type(items)),
        _ => String::from("array"),
    }
}

/// A map, or the fields of an object without a name.
fn object(schema: &Value) -> String {
    if schema["properties"].is_object() {
        return format!("object of {}", fields(schema));
    }
    let patterns = schema["patternProperties"].as_object().into_iter().flatten().map(|(_, value)| value);
    let values = patterns.chain(schema.get("additionalProperties")).filter(|value| value.is_object());
    match values.map(of_type).next() {
        Some(values) => format!("map of {values}"),
        None => String::from("object"),
    }
}

fn fields(schema: &Value) -> String {
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.map(|(name, part)| field(name, part, schema)).collect::<Vec<_>>().join(", ")
}

fn field(name: &str, schema: &Value, of: &Value) -> String {
    let required = of["required"].as_array().is_some_and(|required| required.iter().any(|one| one == name));
    let notes = [if required { "" } else { "optional" }, protection(schema)];
    let notes: Vec<&str> = notes.into_iter().filter(|note| !note.is_empty()).collect();
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!("`{name}`: {}{notes}", of_type(schema))
}

/// The keywords that limit a value.
pub(super) fn of_rules(schema: &Value) -> Vec<String> {
    const PAIRS: [(&str, &str, &str); 6] = [
        ("", "minimum", "maximum"),
        ("", "x-min", "x-max"),
        ("characters ", "minLength", "maxLength"),
        ("bytes ", "x-min-bytes", "x-max-bytes"),
        ("items ", "minItems", "maxItems"),
        ("entries ", "minProperties", "maxProperties"),
    ];
    // a row of several types says by itself how many there are
    let pairs = PAIRS.iter().filter(|(what, ..)| *what != "items " || !schema["prefixItems"].is_array());
    let inclusive = pairs.flat_map(|(what, min, max)| {
        let (min, max) = (limit(schema, min), limit(schema, max));
        match (min, max) {
            (Some(min), Some(max)) if min == max => vec![format!("{what}= {min}")],
            (min, max) => {
                let least = min.map(|min| format!("{what}≥ {min}"));
                least.into_iter().chain(max.map(|max| format!("{what}≤ {max}"))).collect()
            }
        }
    });
    let exclusive = [("exclusiveMinimum", ">"), ("exclusiveMaximum", "<")]
        .into_iter()
        .filter_map(|(keyword, sign)| Some(format!("{sign} {}", limit(schema, keyword)?)));
    let limits = inclusive.chain(exclusive);
    let patterns = schema
        .get("pattern")
        .into_iter()
        .chain(schema["allOf"].as_array().into_iter().flatten().filter_map(|one| one.get("pattern")))
        .filter_map(Value::as_str)
        .map(|pattern| format!("matches `{}`", cell(pattern)));
    let named = schema["x-rules"].as_array().into_iter().flatten().filter_map(Value::as_str).map(cell);
    let patterned = schema["patternProperties"].as_object().into_iter().flatten().map(|(_, value)| value);
    let contained = ["items", "additionalProperties"].iter().filter_map(|key| schema.get(*key)).chain(patterned);
    let each = contained.flat_map(of_rules).map(|rule| format!("each {rule}"));
    limits.chain(patterns).chain(named).chain(each).collect()
}

/// A bound in words, unless it is that of the type itself.
fn limit(schema: &Value, keyword: &str) -> Option<String> {
    let limit = schema.get(keyword)?;
    let of_type = match (schema["format"].as_str().unwrap_or_default(), keyword) {
        ("uint8" | "uint16" | "uint32" | "uint64" | "uint", "minimum") => Some(0),
        ("uint8", "maximum") => Some(i64::from(u8::MAX)),
        ("uint16", "maximum") => Some(i64::from(u16::MAX)),
        ("int8", "minimum") => Some(i64::from(i8::MIN)),
        ("int8", "maximum") => Some(i64::from(i8::MAX)),
        ("int16", "minimum") => Some(i64::from(i16::MIN)),
        ("int16", "maximum") => Some(i64::from(i16::MAX)),
        _ => None,
    };
    let is_of_type = of_type.is_some() && of_type == limit.as_i64();
    (!is_of_type).then(|| cell(limit.to_string().trim_matches('"')))
}
