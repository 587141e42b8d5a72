//! For `#[derive(Event)]` and `#[validate(..)]`.

pub use regex::Regex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::{Message, in_domain, same};
use crate::error::{Error, Result};
use crate::event::subject::{OrderingKey, SubjectToken};
use crate::event::{Event, EventInfo, EventSet, decode_event, decode_json, unknown_type};
use crate::phi::Phi;
use crate::validate::{Length, Nested, Ranged, Text, Validate};

/// The expression of a `pattern` rule.
///
/// # Panics
/// When it is no regular expression or a huge one; the derive has refused those.
#[must_use]
pub fn regex(pattern: &'static str) -> Regex {
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 30)
        .build()
        .expect("checked while the program was compiled: the expression is valid and of bounded size")
}

/// Compares the bounds of a rule.
///
/// # Panics
/// With the message when they are the wrong way round: that ends the compilation.
#[track_caller]
pub const fn check_order(ordered: bool, message: &'static str) {
    if !ordered {
        panic!("{}", message);
    }
}

/// Decodes a payload as the only member of its set.
///
/// # Errors
/// See [`EventSet::decode_as`].
pub fn decode_single<E: Event>(event_type: &str, version: Option<u32>, payload: &[u8]) -> Result<E> {
    if event_type == E::TYPE { decode_event(version, payload) } else { Err(unknown_type().into()) }
}

/// What travels as JSON: a type with serde's two traits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel as an event: it does not implement both `Serialize` and `Deserialize`",
    label = "cannot be written and read as JSON",
    note = "derive them: `#[derive(Serialize, Deserialize, Event)]`"
)]
pub trait Wire {
    type This: Serialize + DeserializeOwned;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Wire for T {
    type This = T;
}

/// The JSON of an event.
///
/// # Errors
/// [`Error::Usage`] when serde cannot encode it.
pub fn encode_payload<T: Serialize>(name: &str, event: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(event)
        .map_err(|_| Error::Usage(format!("`{name}` cannot be encoded as JSON; check its `Serialize`").into()))
}

/// The event of a JSON.
///
/// # Errors
/// [`Error::Decode`], naming the type, the path of known fields and the reason.
pub fn decode_payload<T: DeserializeOwned>(info: &'static EventInfo, payload: &[u8]) -> Result<T> {
    Ok(decode_json(info.event_type, info.fields, payload)?)
}

/// What the impls of a type answer whose declaration was refused. The program with it does not compile.
///
/// # Errors
/// Always.
pub fn refused<T>() -> Result<T> {
    Err(Error::Usage("the declaration of this type was refused".into()))
}

/// What the rule `email` works on.
#[diagnostic::on_unimplemented(
    message = "`#[validate(email)]` needs text, but `{Self}` is not text",
    label = "is not text",
    note = "it works on `String`, and on `Option` and `Phi` of it"
)]
pub trait EmailText {
    type This: Text;
}


/// What the rule `pattern` works on.
#[diagnostic::on_unimplemented(
    message = "`#[validate(pattern)]` needs text, but `{Self}` is not text",
    label = "is not text",
    note = "it works on `String`, and on `Option` and `Phi` of it"
)]
pub trait PatternText {
    type This: Text;
}


macro_rules! text_of_rule {
    ($of:ident) => {
        impl $of for String {
            type This = Self;
        }
        impl<T: $of + Text> $of for Option<T> {
            type This = Self;
        }
        impl<T: $of + Text> $of for Phi<T> {
            type This = Self;
        }
    };
}
text_of_rule!(EmailText);
text_of_rule!(PatternText);

macro_rules! judged {
    ($(#[$doc:meta])* $name:ident: $bound:path) => {
        $(#[$doc])*
        pub trait $name {
            type This: $bound;
        }

        #[diagnostic::do_not_recommend]
        impl<T: $bound> $name for T {
            type This = T;
        }
    };
}
judged! {
    /// What the rule `range` works on.
    RangeField: Ranged
}
judged! {
    /// What the rule `length` works on.
    LengthField: Length
}
judged! {
    /// What the rule `nested` works on.
    NestedField: Nested
}
judged! {
    /// What fills a slot of a subject.
    SlotField: SubjectToken
}
judged! {
    /// What is an ordering key.
    KeyField: OrderingKey
}

/// An event, as a variant of a domain's enum wraps it.
#[diagnostic::on_unimplemented(
    message = "each variant of a domain wraps one event, but `{Self}` is not an event",
    label = "is not an event",
    note = "add `#[derive(Serialize, Deserialize, Event)]` and `#[event(subject = \"…\")]` to it"
)]
pub trait DomainEvent {
    type This: Event;
}

#[diagnostic::do_not_recommend]
impl<E: Event> DomainEvent for E {
    type This = E;
}

/// A domain's enum.
#[diagnostic::on_unimplemented(
    message = "`subset_of` takes the enum of the whole domain, but `{Self}` is none",
    label = "is not a domain's enum",
    note = "a domain's enum has `#[derive(Event)]` and `#[event(domain = \"…\")]`"
)]
pub trait Domain {
    type This: EventSet;
}

/// An event that a domain's enum has a variant for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event of `{Whole}`",
    label = "no variant of `{Whole}` wraps this event",
    note = "a subset has no event that the whole lacks; add a variant to `{Whole}`, or remove this one"
)]
pub trait MemberOf<Whole> {
    fn into_whole(self) -> Whole;
}

#[diagnostic::do_not_recommend]
impl<E, Whole: From<E>> MemberOf<Whole> for E {
    fn into_whole(self) -> Whole {
        self.into()
    }
}

/// Checks one member of a domain: its subject is of the domain, and no member before it has it too.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_member<Set: EventSet>(domain: &str, index: usize) {
    let member = Set::EVENTS[index];
    if is_refused(member) {
        return;
    }
    if !in_domain(member.subject, domain) {
        let mut text = Message::new();
        text.push_code(member.name);
        text.push(" (");
        text.push_quoted(member.subject);
        text.push(") is not in the domain ");
        text.push_code(domain);
        text.push("\nhelp: the subjects of this domain start with \"");
        text.push(domain);
        text.push(".\"");
        text.fail();
    }
    let mut i = 0;
    while i < index {
        let other = Set::EVENTS[i];
        if same(other.subject, member.subject) {
            twice(other, member, "subject", member.subject, "one subject means one payload type; give one of them a subject of its own");
        }
        if same(other.event_type, member.event_type) {
            twice(other, member, "type name", member.event_type, "give one of them a name of its own: `#[event(type = \"…\")]`");
        }
        i += 1;
    }
}

#[track_caller]
const fn twice(first: &EventInfo, second: &EventInfo, what: &str, value: &str, help: &str) -> ! {
    let mut text = Message::new();
    text.push_code(first.name);
    text.push(" and ");
    text.push_code(second.name);
    text.push(" have the same ");
    text.push(what);
    text.push(", ");
    text.push_quoted(value);
    text.push("\nhelp: ");
    text.push(help);
    text.fail()
}

/// Checks that a subset says the domain of its whole.
///
/// # Panics
/// When it says another one: that ends the compilation.
#[track_caller]
pub const fn check_subset<Subset: EventSet, Whole: EventSet>() {
    if let (Some(subset), Some(whole)) = (Subset::DOMAIN, Whole::DOMAIN)
        && !same(subset, whole)
    {
        let mut text = Message::new();
        text.push_code(<Subset as Validate>::NAME);
        text.push(" is of the domain ");
        text.push_code(subset);
        text.push(", but ");
        text.push_code(<Whole as Validate>::NAME);
        text.push(" is of ");
        text.push_code(whole);
        text.push("\nhelp: write `domain = ");
        text.push_quoted(whole);
        text.push("`");
        text.fail();
    }
}

/// Whether the event's declaration was refused, so that there is nothing left to say about it.
pub(super) const fn is_refused(event: &EventInfo) -> bool {
    event.subject.is_empty()
}

/// Never implemented: what a `Phi` would need to be part of a subject.
#[diagnostic::on_unimplemented(
    message = "a protected value must not appear in a subject",
    label = "is protected",
    note = "subjects are visible to every operator; use an id that says nothing about the patient"
)]
pub trait MayAppearInSubject {}

impl<T> SubjectToken for Phi<T>
where
    Self: MayAppearInSubject,
{
    fn token(&self) -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Borrowed("")
    }
}

/// Never implemented: what a `Phi` would need to be an ordering key.
#[diagnostic::on_unimplemented(
    message = "a protected value cannot be an ordering key",
    label = "is protected",
    note = "keys travel in headers, visible to every operator; use an id that says nothing about the patient"
)]
pub trait MayBeOrderingKey {}

impl<T> OrderingKey for Phi<T>
where
    Self: MayBeOrderingKey,
{
    fn key(&self) -> String {
        String::new()
    }
}
