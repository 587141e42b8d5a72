//! The named types that schemas refer to.

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use super::object::only_alternative_to_null;

/// Marks the name of a type whose rules count, as long as the schemas are being made: the same type may also be in a
/// field where nobody looks at its rules.
const RULED: &str = "#ruled";

/// The definitions of one document.
pub(super) struct Definitions {
    pub(super) generator: SchemaGenerator,
    /// How references to them begin, `#/$defs/`.
    prefix: String,
}

impl Definitions {
    pub(super) fn new(settings: SchemaSettings) -> Self {
        let prefix = format!("#{}/", settings.definitions_path.trim_end_matches('/'));
        Self { generator: settings.into_generator(), prefix }
    }

    /// The name of the definition that a schema refers to.
    pub(super) fn name_in(&self, schema: &Value) -> Option<String> {
        self.name_of(schema.get("$ref")?.as_str()?)
    }

    fn name_of(&self, reference: &str) -> Option<String> {
        let encoded = reference.strip_prefix(&self.prefix)?;
        // as the generator writes it
        let names = self.generator.definitions().keys();
        names.into_iter().find(|name| encode(name) == encoded).cloned()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.generator.definitions().get(name)
    }

    /// The schema of the same type with its rules, which `apply` adds, as a reference.
    pub(super) fn ruled(&mut self, name: &str, apply: impl FnOnce(&mut Self, &mut Value)) -> String {
        if name.ends_with(RULED) {
            return self.reference(name);
        }
        let ruled = format!("{name}{RULED}");
        if !self.generator.definitions().contains_key(&ruled)
            && let Some(mut definition) = self.get(name).cloned()
        {
            // a type may contain itself
            self.generator.definitions_mut().insert(ruled.clone(), definition.clone());
            apply(self, &mut definition);
            self.generator.definitions_mut().insert(ruled.clone(), definition);
        }
        self.reference(&ruled)
    }

    fn reference(&self, name: &str) -> String {
        format!("{}{}", self.prefix, encode(name))
    }

    /// The definitions that the schemas refer to, also by way of others, and the schemas that refer to them by their
    /// final names: of ASCII letters, digits, `.`, `-` and `_`, and none of `taken`.
    pub(super) fn finish<'s>(
        mut self,
        schemas: impl IntoIterator<Item = &'s mut Schema>,
        taken: impl IntoIterator<Item = String>,
    ) -> Map<String, Value> {
        let mut schemas: Vec<&mut Schema> = schemas.into_iter().collect();
        let used = self.used(&schemas);
        let names = final_names(&used, taken.into_iter().collect());
        let mut rename = Rename {
            to: names.iter().map(|(old, new)| (self.reference(old), format!("{}{new}", self.prefix))).collect(),
        };
        for schema in &mut schemas {
            rename.transform(schema);
        }
        let mut done = Map::new();
        // their transforms are those of the settings: that of draft 7
        let transformed = self.generator.take_definitions(true);
        for (old, new) in names {
            if let Some(mut schema) = transformed.get(&old).cloned().and_then(|value| Schema::try_from(value).ok()) {
                rename.transform(&mut schema);
                done.insert(new, schema.to_value());
            }
        }
        done
    }

    fn used(&self, schemas: &[&mut Schema]) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        let mut open: Vec<Schema> = schemas.iter().map(|schema| (**schema).clone()).collect();
        while let Some(mut schema) = open.pop() {
            let mut found = References(Vec::new());
            found.transform(&mut schema);
            for name in found.0.iter().filter_map(|reference| self.name_of(reference)) {
                if used.insert(name.clone()) {
                    open.extend(self.get(&name).cloned().and_then(|value| Schema::try_from(value).ok()));
                }
            }
        }
        used
    }
}

/// What the definitions are called in the end. A type whose rules count has its own name; where the same type is also
/// used without, that is called so.
fn final_names(used: &BTreeSet<String>, mut taken: BTreeSet<String>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let (ruled, others): (Vec<&String>, Vec<&String>) = used.iter().partition(|name| name.ends_with(RULED));
    for name in ruled.into_iter().chain(others) {
        let base = match name.strip_suffix(RULED) {
            Some(base) => plain(base),
            None if used.contains(&format!("{name}{RULED}")) => plain(name) + "WithoutRules",
            None => plain(name),
        };
        let mut new = base.clone();
        let mut count = 1;
        while !taken.insert(new.clone()) {
            count += 1;
            new = format!("{base}{count}");
        }
        names.insert(name.clone(), new);
    }
    names
}

/// A name that every tool takes: not all of them decode references.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).collect()
}

/// A name within a reference, as the generator writes it.
fn encode(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'~' => encoded.push_str("~0"),
            b'/' => encoded.push_str("~1"),
            b'!' | b'$' | b'&'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

struct References(Vec<String>);

impl Transform for References {
    fn transform(&mut self, schema: &mut Schema) {
        self.0.extend(schema.get("$ref").and_then(Value::as_str).map(str::to_owned));
        transform_subschemas(self, schema);
    }
}

struct Rename {
    to: BTreeMap<String, String>,
}

impl Transform for Rename {
    fn transform(&mut self, schema: &mut Schema) {
        let new = schema.get("$ref").and_then(Value::as_str).and_then(|old| self.to.get(old)).cloned();
        if let Some(new) = new {
            schema.insert("$ref".into(), new.into());
        }
        transform_subschemas(self, schema);
    }
}

/// The last touch: no values, and the mark of an optional protected type where that of others is.
pub(super) struct Finish {
    pub(super) keep_examples: bool,
}

impl Transform for Finish {
    fn transform(&mut self, schema: &mut Schema) {
        schema.remove("default");
        if !self.keep_examples {
            schema.remove("examples");
        }
        let one = only_alternative_to_null(schema.as_value());
        if one.is_some_and(|one| one.get("x-phi").is_some_and(|mark| mark == true)) {
            schema.insert("x-phi".into(), true.into());
            let alternatives = schema.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten();
            alternatives.filter_map(Value::as_object_mut).for_each(|one| drop(one.remove("x-phi")));
        }
        transform_subschemas(self, schema);
    }
}
