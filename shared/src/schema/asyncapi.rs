//! AsyncAPI 3.0: a service's channels, messages and operations, for the tools of that world.
//!
//! <https://www.asyncapi.com/docs/reference/specification/v3.0.0>, NATS bindings 0.1.0.

use std::collections::BTreeMap;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::Transform as _;
use serde_json::{Map, Value, json};

use super::definitions::{Definitions, Finish, plain};
use super::{Contract, json};
use crate::event::EventInfo;

/// Where the service's broker is, for the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Host and port, without credentials: `nats.clinic.example:4222`.
    pub host: String,
    /// Whether TLS is required.
    pub tls: bool,
}

impl Server {
    /// The first server of a `NATS_URL`, without its credentials.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let first = url.split(',').next()?.trim();
        let (scheme, rest) = first.split_once("://").unwrap_or(("nats", first));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host).trim_end_matches('/');
        (!host.is_empty()).then(|| Self { host: host.to_owned(), tls: matches!(scheme, "tls" | "wss") })
    }
}

/// The AsyncAPI 3.0 document of a service: a channel for each subject, with a parameter for each slot; an operation
/// `send` for each event type that it publishes and `receive` for each one that a subscriber takes; the messages with
/// their headers and payloads. Protected values are marked `x-phi`.
///
/// ```
/// use shared::prelude::*;
/// use shared::schema::{Contract, asyncapi};
///
/// /// An appointment was booked.
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(subject = "clinic.{clinic_id}.booked")]
/// struct Booked {
///     clinic_id: u32,
/// }
///
/// let contract = Contract::of_events("scheduling", shared::events![Booked]);
/// let document = asyncapi(&contract, None);
/// assert_eq!(document["channels"]["clinic.booked"]["address"], "clinic.{clinic_id}.booked");
/// assert_eq!(document["operations"]["send-clinic.booked"]["action"], "send");
/// ```
#[must_use]
pub fn asyncapi(contract: &Contract, server: Option<&Server>) -> Value {
    let names = Names::of(contract);
    let mut schemas = Schemas::new();
    let mut channels = Map::new();
    let mut messages = Map::new();
    for event in contract.events() {
        let (message, channel) = (names.message(event), names.channel(event));
        messages.insert(message.to_owned(), self::message(event, message, &mut schemas));
        let channel = channels.entry(channel).or_insert_with(|| self::channel(event, server.is_some()));
        channel["messages"][message] = json!({ "$ref": format!("#/components/messages/{message}") });
    }
    let mut document = Map::new();
    document.insert("asyncapi".into(), "3.0.0".into());
    document.insert("info".into(), info(contract));
    document.insert("defaultContentType".into(), "application/json".into());
    if let Some(Server { host, tls }) = server {
        let security = if *tls { "TLS is required" } else { "without TLS" };
        let server = json!({ "host": host, "protocol": "nats", "description": format!("NATS JetStream, {security}") });
        document.insert("servers".into(), json!({ "nats": server }));
    }
    document.insert("channels".into(), channels.into());
    document.insert("operations".into(), operations(contract, &names).into());
    let components = json!({
        "messages": messages,
        "messageTraits": { "event": { "headers": headers() } },
        "schemas": schemas.finish(),
    });
    document.insert("components".into(), components);
    document.into()
}

fn info(contract: &Contract) -> Value {
    let mut info = Map::new();
    info.insert("title".into(), contract.service.as_str().into());
    info.insert("version".into(), contract.version.as_str().into());
    if !contract.docs.is_empty() {
        info.insert("description".into(), contract.docs.as_str().into());
    }
    info.into()
}

/// What messages and channels are called: names in `components` are of letters, digits, `.`, `-` and `_`.
struct Names {
    /// By the names of the event types.
    messages: BTreeMap<&'static str, String>,
    /// By subjects: several event types may have one.
    channels: BTreeMap<&'static str, String>,
    /// By the names of the event types, the subjects of their newest versions: slots may be called otherwise in others.
    subjects: BTreeMap<&'static str, &'static str>,
}

impl Names {
    fn of(contract: &Contract) -> Self {
        let (mut messages, mut channels) = (BTreeMap::new(), BTreeMap::new());
        let subjects: BTreeMap<_, _> =
            contract.events().into_iter().map(|event| (event.event_type, event.subject)).collect();
        for event_type in subjects.keys() {
            add(&mut messages, event_type, vec![plain(event_type)]);
        }
        let mut by_slots: Vec<&'static str> = subjects.values().copied().collect();
        // those without slots are called as they are
        by_slots.sort_by_key(|subject| (slots(subject).count(), *subject));
        for subject in by_slots {
            let literals: Vec<&str> = subject.split('.').filter(|token| !token.starts_with('{')).collect();
            let with_slots: String = subject.chars().filter(|c| !matches!(c, '{' | '}')).collect();
            add(&mut channels, subject, vec![plain(&literals.join(".")), plain(&with_slots)]);
        }
        Self { messages, channels, subjects }
    }

    fn message(&self, event: &EventInfo) -> &str {
        self.messages.get(event.event_type).map_or("", String::as_str)
    }

    fn channel(&self, event: &EventInfo) -> &str {
        self.subjects.get(event.event_type).and_then(|subject| self.channels.get(subject)).map_or("", String::as_str)
    }
}

/// Adds the first of the names that is free, or the last one with a number.
fn add(names: &mut BTreeMap<&'static str, String>, of: &'static str, candidates: Vec<String>) {
    if names.contains_key(of) {
        return;
    }
    let last = candidates.last().cloned().unwrap_or_default();
    let numbered = (2_usize..).map(|number| format!("{last}-{number}"));
    let free = candidates.into_iter().chain(numbered).find(|name| names.values().all(|taken| taken != name));
    names.extend(free.map(|free| (of, free)));
}

fn channel(event: &EventInfo, on_server: bool) -> Value {
    let mut channel = Map::new();
    channel.insert("address".into(), event.subject.into());
    channel.insert("messages".into(), json!({}));
    // an event that is written by hand may leave out what its slots are called in JSON
    let fields = event.schema.slots.iter().copied().map(Some).chain(std::iter::repeat(None));
    let parameters: Map<String, Value> = slots(event.subject)
        .zip(fields)
        .map(|(slot, field)| (slot.to_owned(), parameter(event, field.unwrap_or(slot))))
        .collect();
    if !parameters.is_empty() {
        channel.insert("parameters".into(), parameters.into());
    }
    if on_server {
        channel.insert("servers".into(), json!([{ "$ref": "#/servers/nats" }]));
    }
    channel.into()
}

/// The names in the slots of a subject.
fn slots(subject: &str) -> impl Iterator<Item = &str> {
    subject.split('.').filter_map(|token| token.strip_prefix('{')?.strip_suffix('}'))
}

fn parameter(event: &EventInfo, field: &str) -> Value {
    let docs = event.schema.fields.iter().find(|known| known.name == field).map_or("", |field| field.docs);
    let docs = if docs.is_empty() { format!("The payload's `{field}`") } else { docs.to_owned() };
    let pointer = field.replace('~', "~0").replace('/', "~1");
    json!({ "description": docs, "location": format!("$message.payload#/{pointer}") })
}

fn message(event: &EventInfo, name: &str, schemas: &mut Schemas) -> Value {
    schemas.event(name, event);
    let mut message = json!({
        "name": event.event_type,
        "title": event.name,
        "contentType": "application/json",
        "payload": { "$ref": format!("#/components/schemas/{name}") },
        "correlationId": {
            "description": "The id that all work with the same origin shares",
            "location": "$message.header#/ce-correlationid",
        },
        "traits": [{ "$ref": "#/components/messageTraits/event" }],
        "x-version": event.version,
    });
    let (summary, rest) = event.schema.docs.split_once("\n\n").unwrap_or((event.schema.docs, ""));
    for (key, text) in [("summary", summary.replace('\n', " ")), ("description", rest.to_owned())] {
        if !text.is_empty() {
            message[key] = text.into();
        }
    }
    if let Some(key) = event.schema.key {
        message["x-key"] = key.into();
    }
    message
}

fn operations(contract: &Contract, names: &Names) -> Map<String, Value> {
    let mut operations = Map::new();
    let refers = |event: &EventInfo| {
        let (channel, message) = (names.channel(event), names.message(event));
        let messages = json!([{ "$ref": format!("#/channels/{channel}/messages/{message}") }]);
        (json!({ "$ref": format!("#/channels/{channel}") }), messages)
    };
    for event in &contract.publishes {
        let (channel, messages) = refers(event);
        let operation = json!({ "action": "send", "channel": channel, "messages": messages, "summary": format!("{} publishes `{}`", contract.service, event.event_type) });
        operations.insert(format!("send-{}", names.message(event)), operation);
    }
    for receiver in &contract.receivers {
        for event in receiver.events {
            let (channel, messages) = refers(event);
            let docs = if receiver.docs.is_empty() {
                format!("`{}` takes `{}`", receiver.name, event.event_type)
            } else {
                receiver.docs.to_owned()
            };
            let operation = json!({
                "action": "receive",
                "channel": channel,
                "messages": messages,
                "summary": docs.split("\n\n").next().unwrap_or_default().replace('\n', " "),
                "bindings": { "nats": { "queue": receiver.durable, "bindingVersion": "0.1.0" } },
                "x-subscription": { "durable": receiver.durable, "pattern": receiver.pattern },
            });
            operations.insert(plain(&format!("{}-{}", receiver.name, names.message(event))), operation);
        }
    }
    operations
}

/// The headers of a CloudEvent in binary mode, as this library writes them.
fn headers() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "required": ["ce-specversion", "ce-id", "ce-source", "ce-type"],
        "properties": {
            "ce-specversion": { "type": "string", "const": "1.0", "description": "CloudEvents 1.0, binary mode" },
            "ce-id": text("The event's id, a UUID; also the broker's `Nats-Msg-Id`"),
            "ce-source": text("The service that published it"),
            "ce-type": text("The event type's name"),
            "ce-time": { "type": "string", "format": "date-time", "description": "When it happened" },
            "ce-dataschema": text("Name and version of the payload's schema"),
            "ce-key": text("The ordering key, percent-encoded"),
            "ce-sequence": text("The position in the publisher's outbox"),
            "ce-correlationid": text("The id that all work with the same origin shares"),
            "ce-causationid": text("The id of the event that caused this one"),
            "ce-actor": text("On whose request"),
            "ce-tenant": text("On whose behalf"),
            "traceparent": text("W3C trace context"),
            "tracestate": text("W3C trace context"),
        },
    })
}

/// The schemas of payloads and of what they refer to, as AsyncAPI has them: JSON Schema draft 7.
struct Schemas {
    definitions: Definitions,
    events: Vec<(String, Schema)>,
}

impl Schemas {
    fn new() -> Self {
        let settings = SchemaSettings::draft07().with(|settings| {
            settings.meta_schema = None;
            settings.definitions_path = "/components/schemas".into();
        });
        Self { definitions: Definitions::new(settings), events: Vec::new() }
    }

    fn event(&mut self, name: &str, event: &EventInfo) {
        let mut schema: Schema = json::payload(event, &mut self.definitions);
        for transform in self.definitions.generator.transforms_mut() {
            transform.transform(&mut schema);
        }
        self.events.push((name.to_owned(), schema));
    }

    fn finish(mut self) -> Value {
        let taken: Vec<String> = self.events.iter().map(|(name, _)| name.clone()).collect();
        let schemas = self.definitions.finish(self.events.iter_mut().map(|(_, schema)| schema), taken);
        let named = schemas.into_iter().filter_map(|(name, schema)| Some((name, Schema::try_from(schema).ok()?)));
        let finished = |(name, mut schema): (String, Schema)| {
            Finish { keep_examples: false }.transform(&mut schema);
            (name, schema.to_value())
        };
        named.chain(self.events).map(finished).collect::<Map<String, Value>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_without_its_password() {
        let server = |url| Server::of_url(url).map(|server| (server.host, server.tls));
        assert_eq!(server("nats://a:b@host:4222,nats://other:4222"), Some(("host:4222".into(), false)));
        assert_eq!(server("tls://host/"), Some(("host".into(), true)));
        assert_eq!(server(""), None);
    }
}
