//! A page for people: who publishes what, who takes it, and what is in it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

use super::{Contract, json_schema, words};
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
        // in the order of the declaration, then what is flattened into it
        let declared: Vec<&str> = event.schema.fields.iter().map(|field| field.name).collect();
        object(out, &schema, &declared)?;
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            writeln!(out, "### `{name}`\n")?;
            if let Some(docs) = definition["description"].as_str() {
                writeln!(out, "{docs}\n")?;
            }
            if definition["properties"].is_object() || definition["type"] == "object" {
                object(out, definition, &[])?;
            } else {
                value(out, definition)?;
            }
        }
        Ok(())
    }
}

/// A table of the fields, and what else an object has.
fn object(out: &mut String, schema: &Value, order: &[&str]) -> fmt::Result {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    if properties.is_empty() {
        out.push_str("It has no fields of its own.\n\n");
    } else {
        out.push_str("| field | type | presence | rules | notes |\n|---|---|---|---|---|\n");
        let ordered = order.iter().copied().filter(|name| properties.contains_key(*name));
        let others = properties.keys().map(String::as_str).filter(|name| !order.contains(name));
        for name in ordered.chain(others) {
            let property = &properties[name];
            let presence = if required.contains(&name) { "required" } else { "optional" };
            let (ty, rules) = (words::of_type(property), words::of_rules(property));
            writeln!(out, "| `{name}` | {ty} | {presence} | {} | {} |", rules.join("; "), words::notes(property))?;
        }
        out.push('\n');
    }
    for key in ["oneOf", "anyOf"] {
        list(out, &schema[key])?;
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        for key in ["oneOf", "anyOf"] {
            list(out, &part[key])?;
        }
    }
    let patterns = schema["patternProperties"].as_object().into_iter().flatten();
    for (pattern, part) in patterns {
        writeln!(out, "Any field that matches `{pattern}`: {}.\n", words::in_full(part))?;
    }
    match schema.get("additionalProperties").or(schema.get("unevaluatedProperties")) {
        Some(Value::Bool(false)) => out.push_str("Other fields are refused.\n\n"),
        Some(part) => writeln!(out, "Any other field: {}.\n", words::in_full(part))?,
        None => {}
    }
    if let Some(rules) = schema["x-rules"].as_array() {
        let rules: Vec<&str> = rules.iter().filter_map(Value::as_str).collect();
        writeln!(out, "As a whole: {}.\n", rules.join("; "))?;
    }
    Ok(())
}

/// What a type is that is no object.
fn value(out: &mut String, schema: &Value) -> fmt::Result {
    let alternatives = ["oneOf", "anyOf"].into_iter().find_map(|key| schema.get(key));
    match alternatives {
        Some(alternatives) => list(out, alternatives),
        None => writeln!(out, "{}.\n", words::without_notes(schema)),
    }
}

fn list(out: &mut String, alternatives: &Value) -> fmt::Result {
    let Some(alternatives) = alternatives.as_array() else { return Ok(()) };
    out.push_str("One of:\n\n");
    for one in alternatives {
        writeln!(out, "- {}", words::in_full(one))?;
    }
    out.push('\n');
    Ok(())
}

fn or_nobody(names: &[String]) -> String {
    if names.is_empty() { String::from("nobody here") } else { names.join(", ") }
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
