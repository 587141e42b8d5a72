//! What changed between two JSON Schemas of an event.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::change::{Change, ChangeKind};
use super::form::{alternatives, choices, form, object_at, others, properties, reference, required, resolved, words};

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

fn differing(was: &BTreeSet<String>, is: &BTreeSet<String>) -> Vec<(String, ChangeKind)> {
    let gone = was.difference(is).map(|rule| (rule.clone(), ChangeKind::Widened));
    is.difference(was).map(|rule| (rule.clone(), ChangeKind::Narrowed)).chain(gone).collect()
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| String::from("not limited"), Value::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changes(old: &Value, new: &Value) -> Vec<(String, ChangeKind)> {
        compare(old, new).into_iter().map(|change| (change.path, change.kind)).collect()
    }

    fn object(properties: Value, definitions: Value) -> Value {
        json!({ "type": "object", "properties": properties, "$defs": definitions })
    }

    #[test]
    fn what_a_reference_stands_for_is_compared_not_its_name() {
        let old = object(
            json!({ "lines": { "type": "array", "items": { "$ref": "#/$defs/Line" } } }),
            json!({
                "Line": { "type": "object", "properties": { "cents": { "type": "integer", "minimum": 1 } }, "required": ["cents"] },
            }),
        );
        let renamed = object(
            json!({ "lines": { "type": "array", "items": { "$ref": "#/$defs/Item" } } }),
            json!({
                "Item": { "type": "object", "properties": { "cents": { "type": "integer", "minimum": 1 } }, "required": ["cents"] },
            }),
        );
        assert_eq!(changes(&old, &renamed), []);
        let narrowed = object(
            json!({ "lines": { "type": "array", "items": { "$ref": "#/$defs/Line" } } }),
            json!({
                "Line": { "type": "object", "properties": { "cents": { "type": "integer", "minimum": 2 } } },
            }),
        );
        let expected = [
            ("/lines/*/cents".to_owned(), ChangeKind::MadeOptional),
            ("/lines/*/cents".to_owned(), ChangeKind::Narrowed),
        ];
        assert_eq!(changes(&old, &narrowed), expected);
    }

    #[test]
    fn a_type_that_contains_itself_is_compared_once() {
        let of = |most: u32| {
            object(
                json!({ "part": { "$ref": "#/$defs/Part" } }),
                json!({
                    "Part": { "type": "object", "properties": {
                        "size": { "type": "integer", "maximum": most },
                        "parts": { "type": "array", "items": { "$ref": "#/$defs/Part" } },
                    } },
                }),
            )
        };
        assert_eq!(changes(&of(5), &of(5)), []);
        assert_eq!(changes(&of(5), &of(4)), [("/part/size".to_owned(), ChangeKind::Narrowed)]);
        assert_eq!(changes(&of(4), &of(5)), [("/part/size".to_owned(), ChangeKind::Widened)]);
    }

    #[test]
    fn choices_may_grow_but_not_shrink_however_they_are_written() {
        let few = object(json!({ "status": { "type": "string", "enum": ["booked", "over"] } }), json!({}));
        let documented = object(
            json!({ "status": { "oneOf": [
            { "const": "booked", "description": "It will take place." }, { "const": "over" },
        ] } }),
            json!({}),
        );
        let more = object(json!({ "status": { "type": "string", "enum": ["booked", "over", "moved"] } }), json!({}));
        let status = |kind| vec![("/status".to_owned(), kind)];
        assert_eq!(changes(&few, &documented), []);
        assert_eq!(changes(&few, &more), status(ChangeKind::Widened));
        assert_eq!(changes(&more, &few), status(ChangeKind::Narrowed));
        let free = object(json!({ "status": { "type": "string" } }), json!({}));
        assert_eq!(changes(&free, &few), status(ChangeKind::Narrowed));
        assert_eq!(changes(&few, &free), status(ChangeKind::Widened));
    }

    #[test]
    fn null_and_optional_references_are_seen_through() {
        let definitions = json!({ "Kind": { "type": "string", "enum": ["a"] } });
        let optional = object(
            json!({ "kind": { "anyOf": [{ "$ref": "#/$defs/Kind" }, { "type": "null" }] } }),
            definitions.clone(),
        );
        let mut required = object(json!({ "kind": { "$ref": "#/$defs/Kind" } }), definitions);
        required["required"] = json!(["kind"]);
        assert_eq!(changes(&optional, &required), [("/kind".to_owned(), ChangeKind::MadeRequired)]);
        assert_eq!(changes(&required, &optional), [("/kind".to_owned(), ChangeKind::MadeOptional)]);
    }

    #[test]
    fn protection_is_looked_for_in_every_part() {
        let of = |phi: bool| {
            let mut name = json!({ "type": "string" });
            if phi {
                name["x-phi"] = true.into();
            }
            object(json!({ "names": { "type": "object", "additionalProperties": name } }), json!({}))
        };
        assert_eq!(changes(&of(true), &of(false)), [("/names/*".to_owned(), ChangeKind::PhiWeakened)]);
        assert_eq!(changes(&of(false), &of(true)), [("/names/*".to_owned(), ChangeKind::PhiAdded)]);
    }

    #[test]
    fn tuples_formats_and_alternatives_are_forms() {
        let of = |at: Value| object(json!({ "at": at }), json!({}));
        let pairs = [
            (json!({ "type": "string", "format": "date" }), json!({ "type": "string", "format": "date-time" })),
            (
                json!({ "type": "array", "items": { "type": "string" } }),
                json!({ "type": "array", "prefixItems": [{ "type": "string" }] }),
            ),
            (
                json!({ "oneOf": [{ "type": "object", "properties": { "a": {} } }, { "type": "object", "properties": { "b": {} } }] }),
                json!({ "oneOf": [{ "type": "object", "properties": { "a": {} } }] }),
            ),
        ];
        for (old, new) in pairs {
            assert_eq!(changes(&of(old), &of(new)), [("/at".to_owned(), ChangeKind::Retyped)]);
        }
    }

    #[test]
    fn rules_without_a_keyword_count_as_well() {
        let of = |rules: Value| {
            object(json!({ "at": { "type": "string", "x-rules": rules, "format": "email" } }), json!({}))
        };
        assert_eq!(changes(&of(json!([])), &of(json!(["past"]))), [("/at".to_owned(), ChangeKind::Narrowed)]);
        assert_eq!(changes(&of(json!(["past"])), &of(json!([]))), [("/at".to_owned(), ChangeKind::Widened)]);
        let text = object(json!({ "at": { "type": "string" } }), json!({}));
        assert_eq!(changes(&text, &of(json!([]))), [("/at".to_owned(), ChangeKind::Narrowed)]);
    }
}
