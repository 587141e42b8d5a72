//! A page for people: who publishes what, who takes it, and what is in it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde_json::Value;

use super::{Contract, json_schema};
use crate::event::EventInfo;

/// A Markdown page about services: a picture (Mermaid) of who publishes and who subscribes, a table of all events, and
/// each event's payload.
#[must_use]
pub fn page(contracts: &[Contract]) -> String {
    let mut text = String::new();
    // writing to a `String` cannot fail
    let _infallible = Page { contracts, events: events(contracts) }.write(&mut text);
    text
}

/// Every event type of the contracts once, by name.
fn events(contracts: &[Contract]) -> Vec<&'static EventInfo> {
    let by_name: BTreeMap<&str, &'static EventInfo> =
        contracts.iter().flat_map(Contract::events).map(|event| (event.event_type, event)).collect();
    by_name.into_values().collect()
}

struct Page<'a> {
    contracts: &'a [Contract],
    events: Vec<&'static EventInfo>,
}

impl Page<'_> {
    fn write(&self, out: &mut String) -> fmt::Result {
        out.push_str("# Events\n\n");
        self.picture(out)?;
        self.overview(out)?;
        self.raw(out)?;
        for event in &self.events {
            self.event(out, event)?;
        }
        Ok(())
    }

    /// From services by way of events to subscribers.
    fn picture(&self, out: &mut String) -> fmt::Result {
        out.push_str("```mermaid\nflowchart LR\n");
        for (index, event) in self.events.iter().enumerate() {
            writeln!(out, "  e{index}[/\"{}\"/]", quoted(event.event_type))?;
        }
        for (service, contract) in self.contracts.iter().enumerate() {
            for event in &contract.publishes {
                writeln!(out, "  s{service}([\"{}\"]) --> e{}", quoted(&contract.service), self.index(event))?;
            }
        }
        for (service, contract) in self.contracts.iter().enumerate() {
            if contract.receivers.is_empty() {
                continue;
            }
            writeln!(out, "  subgraph g{service} [\"{}\"]", quoted(&contract.service))?;
            for (index, receiver) in contract.receivers.iter().enumerate() {
                writeln!(out, "    r{service}_{index}[\"{}\"]", quoted(&receiver.name))?;
            }
            out.push_str("  end\n");
            for (index, receiver) in contract.receivers.iter().enumerate() {
                for event in receiver.events {
                    writeln!(out, "  e{} --> r{service}_{index}", self.index(event))?;
                }
            }
        }
        out.push_str("```\n\n");
        Ok(())
    }

    fn index(&self, event: &EventInfo) -> usize {
        self.events.iter().position(|other| other.event_type == event.event_type).unwrap_or_default()
    }

    fn overview(&self, out: &mut String) -> fmt::Result {
        out.push_str("| event | subject | published by | read by |\n|---|---|---|---|\n");
        for event in &self.events {
            let (publishers, readers) = (self.publishers(event), self.readers(event));
            let anchor = anchor(event);
            writeln!(
                out,
                "| [`{}`](#{anchor}) | `{}` | {} | {} |",
                event.event_type,
                event.subject,
                or_nobody(&publishers),
                or_nobody(&readers)
            )?;
        }
        out.push('\n');
        Ok(())
    }

    fn publishers(&self, event: &EventInfo) -> Vec<String> {
        let publishes =
            |contract: &&Contract| contract.publishes.iter().any(|other| other.event_type == event.event_type);
        self.contracts.iter().filter(publishes).map(|contract| contract.service.clone()).collect()
    }

    fn readers(&self, event: &EventInfo) -> Vec<String> {
        self.contracts
            .iter()
            .flat_map(|contract| {
                contract.receivers_of(event).map(|receiver| format!("{}/{}", contract.service, receiver.name))
            })
            .collect()
    }

    /// Subscribers whose events have no types.
    fn raw(&self, out: &mut String) -> fmt::Result {
        for contract in self.contracts {
            for receiver in contract.receivers.iter().filter(|receiver| receiver.events.is_empty()) {
                writeln!(
                    out,
                    "`{}/{}` takes whatever comes on `{}`.\n",
                    contract.service, receiver.name, receiver.pattern
                )?;
            }
        }
        Ok(())
    }

    fn event(&self, out: &mut String, event: &EventInfo) -> fmt::Result {
        writeln!(out, "## `{}`\n", event.event_type)?;
        if !event.schema.docs.is_empty() {
            writeln!(out, "{}\n", event.schema.docs)?;
        }
        write!(out, "`{}`, version {}, on `{}`", event.name, event.version, event.subject)?;
        match event.schema.key {
            Some(key) => writeln!(out, ", in order by `{key}`.\n")?,
            None => writeln!(out, ", in no order.\n")?,
        }
        let schema = json_schema(event);
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty()) else {
            return writeln!(out, "It has no fields.\n");
        };
        out.push_str("| field | type | presence | rules | notes |\n|---|---|---|---|---|\n");
        // in the order of the declaration, then what is flattened into it
        let declared = event.schema.fields.iter().map(|field| field.name).filter(|name| properties.contains_key(*name));
        let others = properties
            .keys()
            .map(String::as_str)
            .filter(|name| event.schema.fields.iter().all(|field| field.name != *name));
        for name in declared.chain(others) {
            let property = &properties[name];
            writeln!(
                out,
                "| `{name}` | {} | {} | {} | {} |",
                type_in_words(property),
                if required.contains(&name) { "required" } else { "optional" },
                rules_in_words(property).join("; "),
                notes(property),
            )?;
        }
        out.push('\n');
        Ok(())
    }
}

fn or_nobody(names: &[String]) -> String {
    if names.is_empty() { String::from("nobody") } else { names.join(", ") }
}

/// As GitHub and others make anchors of headings.
fn anchor(event: &EventInfo) -> String {
    event
        .event_type
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .collect::<String>()
        .to_lowercase()
}

/// A text between quotation marks of Mermaid.
fn quoted(text: &str) -> String {
    text.replace('"', "#quot;")
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn notes(property: &Value) -> String {
    let docs = property["description"].as_str().map(cell).unwrap_or_default();
    match (property["x-phi"] == true, docs.is_empty()) {
        (true, true) => String::from("protected"),
        (true, false) => format!("protected; {docs}"),
        (false, _) => docs,
    }
}

fn type_in_words(schema: &Value) -> String {
    if let Some(to) = schema["$ref"].as_str() {
        return format!("`{}`", to.rsplit('/').next().unwrap_or(to));
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema[key].as_array() {
            let words: Vec<String> =
                alternatives.iter().filter(|one| one["type"] != "null").map(type_in_words).collect();
            return words.join(" or ");
        }
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{constant}`");
    }
    if let Some(values) = schema["enum"].as_array() {
        let words: Vec<String> = values
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| format!("`{}`", cell(&value.to_string())))
            .collect();
        return words.join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(ty) => vec![ty.as_str()],
        Value::Array(types) => types.iter().filter_map(Value::as_str).filter(|ty| *ty != "null").collect(),
        _ => vec!["any"],
    };
    let mut words = types.join(" or ");
    if words == "array" && schema["items"].is_object() {
        words = format!("array of {}", type_in_words(&schema["items"]));
    }
    match schema["format"].as_str() {
        Some(format) => format!("{words} ({format})"),
        None => words,
    }
}

/// The keywords that limit a value, as they stand in the schema.
fn rules_in_words(schema: &Value) -> Vec<String> {
    const KEYWORDS: [(&str, &str); 14] = [
        ("minimum", "≥"),
        ("exclusiveMinimum", ">"),
        ("maximum", "≤"),
        ("exclusiveMaximum", "<"),
        ("x-min", "≥"),
        ("x-max", "≤"),
        ("minLength", "characters ≥"),
        ("maxLength", "characters ≤"),
        ("x-min-bytes", "bytes ≥"),
        ("x-max-bytes", "bytes ≤"),
        ("minItems", "items ≥"),
        ("maxItems", "items ≤"),
        ("minProperties", "entries ≥"),
        ("maxProperties", "entries ≤"),
    ];
    let limits = KEYWORDS.iter().filter_map(|(keyword, sign)| {
        schema.get(*keyword).map(|limit| format!("{sign} {}", cell(limit.to_string().trim_matches('"'))))
    });
    let patterns = schema
        .get("pattern")
        .into_iter()
        .chain(schema["allOf"].as_array().into_iter().flatten().filter_map(|one| one.get("pattern")))
        .filter_map(Value::as_str)
        .map(|pattern| format!("matches `{}`", cell(pattern)));
    let named = schema["x-rules"].as_array().into_iter().flatten().filter_map(Value::as_str).map(cell);
    limits.chain(patterns).chain(named).collect()
}
