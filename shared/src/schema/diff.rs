//! What changed between two JSON Schemas of an event, and whether anybody breaks.
//!
//! Both directions count: events written by the old program are read by the new one (they wait in streams, outboxes and
//! dead letters), and events written by the new program are read by the old ones (consumers are deployed later).

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

/// A change of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where in the payload, as a JSON pointer over field names; empty for the event itself.
    pub path: String,
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// What was and what is, in words; for an addition what is.
    pub says: String,
}

/// The kinds of changes of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ChangeKind {
    /// The event type is not declared any more.
    EventRemoved,
    /// The event type has another name.
    TypeChanged,
    /// It is published on another subject.
    SubjectChanged,
    /// Another field keeps its order, or none does.
    KeyChanged,
    /// The version is lower than a released one.
    VersionLowered,
    /// The version was raised, but the released one is not converted.
    UpcastMissing,
    /// A field is gone.
    FieldRemoved,
    /// A field is gone, and one of the same form has come.
    FieldRenamed,
    /// A value has another type or form.
    Retyped,
    /// A new field must be there.
    NewRequiredField,
    /// A field that could be absent must be there.
    MadeRequired,
    /// A field that was always there can be absent.
    MadeOptional,
    /// A rule allows less.
    Narrowed,
    /// A value is not protected any more.
    PhiWeakened,
    /// A released payload does not decode any more.
    GoldenBroken,
    /// A new event type.
    EventAdded,
    /// A new version with a conversion from the released one.
    VersionAdded,
    /// A new field that may be absent.
    FieldAdded,
    /// A rule allows more.
    Widened,
    /// A value is protected now.
    PhiAdded,
}

impl ChangeKind {
    /// Whether somebody who reads or writes the released form can go on.
    #[must_use]
    pub fn is_compatible(self) -> bool {
        matches!(self, Self::EventAdded | Self::VersionAdded | Self::FieldAdded | Self::Widened | Self::PhiAdded)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.says)
    }
}

/// The changes from one schema to another.
pub(super) fn compare(old: &Value, new: &Value) -> Vec<Change> {
    let mut comparison = Comparison { old_root: old, new_root: new, under_way: BTreeSet::new(), changes: Vec::new() };
    comparison.schemas(old, new, &mut String::new());
    comparison.changes
}

struct Comparison<'a> {
    old_root: &'a Value,
    new_root: &'a Value,
    /// The pairs of definitions that are being compared: a type may contain itself.
    under_way: BTreeSet<(String, String)>,
    changes: Vec<Change>,
}

impl<'a> Comparison<'a> {
    fn report(&mut self, path: &str, kind: ChangeKind, says: impl Into<String>) {
        let change = Change { path: path.to_owned(), kind, says: says.into() };
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    fn schemas(&mut self, old: &Value, new: &Value, path: &mut String) {
        let pair = (reference(old), reference(new));
        if let (Some(a), Some(b)) = &pair
            && !self.under_way.insert((a.clone(), b.clone()))
        {
            return;
        }
        let (old_schema, new_schema) = (resolved(old, self.old_root), resolved(new, self.new_root));
        self.resolved(&old_schema, &new_schema, path);
        if let (Some(a), Some(b)) = pair {
            self.under_way.remove(&(a, b));
        }
    }

    fn resolved(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &mut String) {
        self.protection(old, new, path);
        let (was, is) = (form(old), form(new));
        if was != is {
            self.report(path, ChangeKind::Retyped, format!("was {}, is {}", words(old), words(new)));
            return;
        }
        self.null(old, new, path);
        self.rules(old, new, path);
        self.fields(old, new, path);
        for key in ["items", "additionalProperties"] {
            if let (Some(old), Some(new)) = (object_at(old, key), object_at(new, key)) {
                within(path, "*", |path| self.schemas(old, new, path));
            }
        }
        if let (Some(Value::Array(old)), Some(Value::Array(new))) = (old.get("prefixItems"), new.get("prefixItems")) {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                within(path, &index.to_string(), |path| self.schemas(old, new, path));
            }
        }
        for key in ["oneOf", "anyOf", "allOf"] {
            let (old, new) = (alternatives(old, key), alternatives(new, key));
            for (old, new) in old.iter().zip(&new) {
                self.schemas(old, new, path);
            }
        }
    }

    fn protection(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &str) {
        let protected = |schema: &Map<String, Value>| schema.get("x-phi").is_some_and(|mark| mark == true);
        match (protected(old), protected(new)) {
            (true, false) => self.report(path, ChangeKind::PhiWeakened, "was protected (`Phi`), and is not any more"),
            (false, true) => self.report(path, ChangeKind::PhiAdded, "is protected (`Phi`) now"),
            _ => {}
        }
    }

    fn null(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &str) {
        let (old, new) = (Value::Object(old.clone()), Value::Object(new.clone()));
        match (super::json::admits_null(&old), super::json::admits_null(&new)) {
            // of a field that can be absent this is said when the fields are compared
            (true, false) if path.ends_with("/*") => {
                self.report(path, ChangeKind::Narrowed, "could be null, and must not be any more")
            }
            (false, true) if path.ends_with("/*") => {
                self.report(path, ChangeKind::MadeOptional, "was never null, and can be now")
            }
            _ => {}
        }
    }

    fn fields(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &mut String) {
        let (old_fields, new_fields) = (properties(old), properties(new));
        let (old_required, new_required) = (required(old), required(new));
        let (gone, come): (Vec<_>, Vec<_>) = (
            old_fields.iter().filter(|(name, _)| !new_fields.contains_key(*name)).collect(),
            new_fields.iter().filter(|(name, _)| !old_fields.contains_key(*name)).collect(),
        );
        let mut renamed: Vec<&str> = Vec::new();
        for (name, field) in gone {
            let same_form = |candidate: &&(&String, &Value)| {
                !renamed.contains(&candidate.0.as_str())
                    && form(&resolved(field, self.old_root)) == form(&resolved(candidate.1, self.new_root))
            };
            let successor = come.iter().find(same_form).map(|(name, _)| name.as_str());
            let was = words(&resolved(field, self.old_root));
            let change = match successor {
                Some(successor) => {
                    renamed.push(successor);
                    (
                        ChangeKind::FieldRenamed,
                        format!("is gone, and `{successor}` of the same form has come: renamed?"),
                    )
                }
                None => (ChangeKind::FieldRemoved, format!("is gone; it was {was}")),
            };
            within(path, name, |path| self.report(path, change.0, change.1));
        }
        for (name, field) in come {
            let is = words(&resolved(field, self.new_root));
            within(path, name, |path| {
                if renamed.contains(&name.as_str()) {
                } else if new_required.contains(name.as_str()) {
                    self.report(path, ChangeKind::NewRequiredField, format!("is new ({is}), and must be there"));
                } else {
                    self.report(path, ChangeKind::FieldAdded, format!("is new: {is}"));
                }
            });
        }
        for (name, old_field) in &old_fields {
            let Some(new_field) = new_fields.get(name) else { continue };
            within(path, name, |path| {
                match (old_required.contains(name.as_str()), new_required.contains(name.as_str())) {
                    (true, false) => {
                        self.report(path, ChangeKind::MadeOptional, "was always there, and can be absent now");
                    }
                    (false, true) => {
                        self.report(path, ChangeKind::MadeRequired, "could be absent, and must be there now")
                    }
                    _ => {}
                }
                self.schemas(old_field, new_field, path);
            });
        }
        let refuses =
            |schema: &Map<String, Value>| schema.get("additionalProperties").is_some_and(|more| more == false);
        match (refuses(old), refuses(new)) {
            (false, true) => self.report(path, ChangeKind::Narrowed, "refuses unknown fields (`deny_unknown_fields`)"),
            (true, false) => self.report(path, ChangeKind::Widened, "takes unknown fields"),
            _ => {}
        }
    }

    fn rules(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &str) {
        for (keyword, of) in LIMITS {
            let (was, is) = (old.get(keyword), new.get(keyword));
            if was == is {
                continue;
            }
            let narrower = match (was, is) {
                (None, _) => true,
                (_, None) => false,
                (Some(was), Some(is)) => match (was.as_f64(), is.as_f64()) {
                    (Some(was), Some(is)) => (is > was) == (of == Side::Least),
                    _ => match (was.as_str(), is.as_str()) {
                        (Some(was), Some(is)) => (is > was) == (of == Side::Least),
                        _ => true,
                    },
                },
            };
            let says = format!("`{keyword}` was {}, is {}", shown(was), shown(is));
            self.report(path, if narrower { ChangeKind::Narrowed } else { ChangeKind::Widened }, says);
        }
        for (rule, kind) in differing(&others(old), &others(new)) {
            let says = match kind {
                ChangeKind::Narrowed => format!("must be {rule} now"),
                _ => format!("need not be {rule} any more"),
            };
            self.report(path, kind, says);
        }
        match (choices(old), choices(new)) {
            (Some(was), Some(is)) => {
                for gone in was.difference(&is) {
                    self.report(path, ChangeKind::Narrowed, format!("cannot be {gone} any more"));
                }
                for come in is.difference(&was) {
                    let says = format!("can be {come} now; consumers that do not know it park the event");
                    self.report(path, ChangeKind::Widened, says);
                }
            }
            (None, Some(_)) => self.report(path, ChangeKind::Narrowed, format!("must be {} now", words(new))),
            (Some(_), None) => self.report(path, ChangeKind::Widened, format!("need not be {} any more", words(old))),
            (None, None) => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Least,
    Most,
}

const LIMITS: [(&str, Side); 14] = [
    ("minimum", Side::Least),
    ("exclusiveMinimum", Side::Least),
    ("minLength", Side::Least),
    ("minItems", Side::Least),
    ("minProperties", Side::Least),
    ("x-min", Side::Least),
    ("x-min-bytes", Side::Least),
    ("maximum", Side::Most),
    ("exclusiveMaximum", Side::Most),
    ("maxLength", Side::Most),
    ("maxItems", Side::Most),
    ("maxProperties", Side::Most),
    ("x-max", Side::Most),
    ("x-max-bytes", Side::Most),
];

/// Goes down into a part of the payload and comes back.
fn within<T>(path: &mut String, part: &str, work: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push('/');
    path.push_str(&part.replace('~', "~0").replace('/', "~1"));
    let result = work(path);
    path.truncate(length);
    result
}

fn reference(schema: &Value) -> Option<String> {
    schema.get("$ref").and_then(Value::as_str).map(str::to_owned)
}

/// The schema with what it refers to in its place. Optional references, `anyOf` of one and null, count as the one.
fn resolved(schema: &Value, root: &Value) -> Map<String, Value> {
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
struct Form<'a> {
    types: BTreeSet<&'a str>,
    format: Option<&'a Value>,
    /// A list of free items, of one kind, of several in a row.
    shape: [bool; 3],
    /// How many alternatives there are of each kind.
    alternatives: [usize; 3],
}

fn form(schema: &Map<String, Value>) -> Form<'_> {
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

fn words(schema: &Map<String, Value>) -> String {
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

fn object_at<'a>(schema: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    schema.get(key).filter(|part| part.is_object())
}

fn alternatives(schema: &Map<String, Value>, key: &str) -> Vec<Value> {
    // further patterns are a rule, not an alternative
    let is_pattern = |one: &&Value| one.as_object().is_some_and(|one| one.len() == 1 && one.contains_key("pattern"));
    let all = schema.get(key).and_then(Value::as_array).into_iter().flatten();
    all.filter(|one| !is_pattern(one)).cloned().collect()
}

fn properties(schema: &Map<String, Value>) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn required(schema: &Map<String, Value>) -> BTreeSet<&str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The values of a choice: of `enum`, or of alternatives that are constants.
fn choices(schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
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
fn others(schema: &Map<String, Value>) -> BTreeSet<String> {
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

fn differing(was: &BTreeSet<String>, is: &BTreeSet<String>) -> Vec<(String, ChangeKind)> {
    let gone = was.difference(is).map(|rule| (rule.clone(), ChangeKind::Widened));
    is.difference(was).map(|rule| (rule.clone(), ChangeKind::Narrowed)).chain(gone).collect()
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| String::from("not limited"), Value::to_string)
}
