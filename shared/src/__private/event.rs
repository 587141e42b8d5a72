//! For `#[derive(Event)]`.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::{Message, in_domain, same, same_subjects};
use crate::error::{Error, Result};
use crate::event::subject::{OrderingKey, SubjectToken, TokenForm};
use crate::event::{Codec, Draft, Event, EventInfo, EventSet, decode_event, decode_older, draft_event, unknown_type};
use crate::validate::{Checker, Validate};

/// What travels as JSON: a type with serde's two traits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel as an event: it does not implement both `Serialize` and `Deserialize`",
    label = "cannot be written and read as JSON",
    note = "derive them: `#[derive(Serialize, Deserialize, Event)]`"
)]
pub trait Wire: Sized {
    const CODEC: Codec<Self>;
    const CLOSED: Codec<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Wire for T {
    const CODEC: Codec<Self> = Codec::JSON;
    const CLOSED: Codec<Self> = Codec::CLOSED_JSON;
}

/// What an event is known by whose declaration was refused.
pub const NO_EVENT: &EventInfo = &EventInfo::new("", "", "");

/// An event whose type has the name of its subject.
#[must_use]
pub const fn info(name: &'static str, subject: &'static str) -> EventInfo {
    EventInfo::new(name, subject, subject)
}

/// For an event whose declaration was refused.
pub struct Refused<T>(PhantomData<T>);

impl<T> Refused<T> {
    pub const CODEC: Codec<T> = Codec { encode: |_| Ok(Vec::new()), decode: |_, _| refused(), older: None };
}

/// What the impls of a type answer whose declaration was refused. The program with it does not compile.
///
/// # Errors
/// Always.
pub fn refused<T>() -> Result<T> {
    Err(Error::Usage("the declaration of this type was refused".into()))
}

/// An event, as a variant of a domain's enum wraps it: all that the enum's impls need of it.
#[diagnostic::on_unimplemented(
    message = "each variant of a domain wraps one event, but `{Self}` is not an event",
    label = "is not an event",
    note = "add `#[derive(Serialize, Deserialize, Event)]` and `#[event(subject = \"…\")]` to it"
)]
pub trait Member: Sized {
    const INFO: &'static EventInfo;

    fn check(&self, checker: &mut Checker);

    /// Decodes the payload if it is this event's.
    fn decode<Set>(decoding: &mut Decoding<'_, Set>, wrap: fn(Self) -> Set);

    /// # Errors
    /// See [`draft_event`].
    fn draft(&self) -> Result<Draft>;
}

#[diagnostic::do_not_recommend]
impl<E: Event> Member for E {
    const INFO: &'static EventInfo = E::INFO;

    fn check(&self, checker: &mut Checker) {
        Validate::check(self, checker);
    }

    fn decode<Set>(decoding: &mut Decoding<'_, Set>, wrap: fn(Self) -> Set) {
        if decoding.event_type == E::TYPE {
            decoding.decoded = Some(decode_event(decoding.version, decoding.payload).map(wrap));
        }
    }

    fn draft(&self) -> Result<Draft> {
        draft_event(self)
    }
}

/// A payload on its way through the members of a set.
pub struct Decoding<'a, Set> {
    event_type: &'a str,
    version: Option<u32>,
    payload: &'a [u8],
    decoded: Option<Result<Set>>,
}

impl<'a, Set> Decoding<'a, Set> {
    #[must_use]
    pub fn of(event_type: &'a str, version: Option<u32>, payload: &'a [u8]) -> Self {
        Self { event_type, version, payload, decoded: None }
    }

    /// # Errors
    /// See [`EventSet::decode_as`].
    pub fn finish(self) -> Result<Set> {
        self.decoded.unwrap_or_else(|| Err(unknown_type().into()))
    }
}

/// The older version that an event is made of.
#[diagnostic::on_unimplemented(
    message = "`upcast` takes the event that the older version was, but `{Self}` is not an event",
    label = "is not an event",
    note = "derive `Event` for it, with the subject and the type name of the newer one and a lower version"
)]
pub trait Older: Sized {
    const INFO: &'static EventInfo;

    /// # Errors
    /// See [`decode_event`].
    fn older<New>(version: u32, payload: &[u8]) -> Result<New>
    where
        Self: Upcast<New>;
}

#[diagnostic::do_not_recommend]
impl<E: Event> Older for E {
    const INFO: &'static EventInfo = E::INFO;

    fn older<New>(version: u32, payload: &[u8]) -> Result<New>
    where
        Self: Upcast<New>,
    {
        decode_older::<Self>(version, payload).map(Upcast::upcast)
    }
}

/// The conversion of an older version.
#[diagnostic::on_unimplemented(
    message = "`{New}` is not made of its older version `{Self}`",
    label = "is not converted into `{New}`",
    note = "write `impl From<{Self}> for {New}`"
)]
pub trait Upcast<New> {
    fn upcast(self) -> New;
}

#[diagnostic::do_not_recommend]
impl<New: From<Old>, Old> Upcast<New> for Old {
    fn upcast(self) -> New {
        self.into()
    }
}

#[must_use]
pub const fn upcasting<E>(codec: Codec<E>, older: fn(u32, &[u8]) -> Result<E>) -> Codec<E> {
    Codec { encode: codec.encode, decode: codec.decode, older: Some(older) }
}

/// Checks that an event and the older version that it is made of are versions of one event.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_upcast(event: &EventInfo, older: &EventInfo) {
    if is_refused(event) || is_refused(older) {
        return;
    }
    if !same(event.event_type, older.event_type) {
        differ(
            event,
            older,
            "type names",
            [event.event_type, older.event_type],
            "the versions of an event have one type name; write `type = ",
        );
    }
    if !same_subjects(event.subject, older.subject) {
        differ(
            event,
            older,
            "subjects",
            [event.subject, older.subject],
            "the versions of an event have one subject, or else it is another event; write `subject = ",
        );
    }
    if event.version <= older.version {
        let mut text = Message::new();
        text.push_code(event.name);
        text.push(" has version ");
        text.push_number(event.version);
        text.push(", which is not above version ");
        text.push_number(older.version);
        text.push(" of ");
        text.push_code(older.name);
        text.push("\nhelp: write `version = ");
        text.push_number(older.version.saturating_add(1));
        text.push("`");
        text.fail();
    }
}

#[track_caller]
const fn differ(event: &EventInfo, older: &EventInfo, what: &str, values: [&str; 2], help: &str) -> ! {
    let mut text = Message::new();
    text.push_code(event.name);
    text.push(" and its older version ");
    text.push_code(older.name);
    text.push(" have different ");
    text.push(what);
    text.push(": ");
    text.push_quoted(values[0]);
    text.push(" and ");
    text.push_quoted(values[1]);
    text.push("\nhelp: ");
    text.push(help);
    text.push_quoted(values[0]);
    text.push("` at ");
    text.push_code(older.name);
    text.fail()
}

/// A domain's enum.
#[diagnostic::on_unimplemented(
    message = "`subset_of` takes the enum of the whole domain, but `{Self}` is none",
    label = "is not a domain's enum",
    note = "a domain's enum has `#[derive(Event)]` and `#[event(domain = \"…\")]`"
)]
pub trait Domain {
    type This: EventSet;
    const SET: Set = Set::of::<Self::This>();
}

/// What is known of a set of events without its type.
#[derive(Debug, Clone, Copy)]
pub struct Set {
    pub name: &'static str,
    pub events: &'static [&'static EventInfo],
    pub universe: &'static [&'static EventInfo],
    pub whole: &'static str,
    pub domain: Option<&'static str>,
}

impl Set {
    #[must_use]
    pub const fn of<S: EventSet>() -> Self {
        Self { name: S::NAME, events: S::EVENTS, universe: S::UNIVERSE, whole: S::WHOLE, domain: S::DOMAIN }
    }
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
    let events = Set::EVENTS;
    let member = events[index];
    if is_refused(member) {
        return;
    }
    if !in_domain(member.subject, domain) {
        let mut text = Message::new();
        push_named(&mut text, member);
        text.push(" is not in the domain ");
        text.push_code(domain);
        text.push("\nhelp: the subjects of this domain start with \"");
        text.push(domain);
        text.push(".\"");
        text.fail();
    }
    let mut i = 0;
    while i < index {
        let other = events[i];
        if same_subjects(other.subject, member.subject) {
            one_subject(other, member);
        }
        if same(other.event_type, member.event_type) {
            one_type_name(other, member);
        }
        i += 1;
    }
}

#[track_caller]
const fn one_subject(first: &EventInfo, second: &EventInfo) -> ! {
    let mut text = Message::new();
    if same(first.subject, second.subject) {
        text.push_code(first.name);
        text.push(" and ");
        text.push_code(second.name);
        text.push(" have the same subject, ");
        text.push_quoted(first.subject);
    } else {
        push_named(&mut text, first);
        text.push(" and ");
        push_named(&mut text, second);
        text.push(" have the same subject but for the names of its slots");
    }
    text.push("\nhelp: one subject means one payload type; give one of them a subject of its own");
    text.fail()
}

const fn push_named(text: &mut Message, event: &EventInfo) {
    text.push_code(event.name);
    text.push(" (");
    text.push_quoted(event.subject);
    text.push(")");
}

#[track_caller]
const fn one_type_name(first: &EventInfo, second: &EventInfo) -> ! {
    let mut text = Message::new();
    text.push_code(first.name);
    text.push(" and ");
    text.push_code(second.name);
    text.push(" have the same type name, ");
    text.push_quoted(first.event_type);
    text.push("\nhelp: give one of them a name of its own: `#[event(type = \"…\")]`");
    text.fail()
}

/// Checks that a subset says the domain of its whole.
///
/// # Panics
/// When it says another one: that ends the compilation.
#[track_caller]
pub const fn check_subset(name: &str, domain: &str, whole: Set) {
    if let Some(whole_domain) = whole.domain
        && !same(domain, whole_domain)
    {
        let mut text = Message::new();
        text.push_code(name);
        text.push(" is of the domain ");
        text.push_code(domain);
        text.push(", but ");
        text.push_code(whole.name);
        text.push(" is of ");
        text.push_code(whole_domain);
        text.push("\nhelp: write `domain = ");
        text.push_quoted(whole_domain);
        text.push("`");
        text.fail();
    }
}

/// Whether the declaration of one of the events was refused, or of all of them.
pub(super) const fn any_refused(events: &[&EventInfo]) -> bool {
    let mut i = 0;
    while i < events.len() {
        if is_refused(events[i]) {
            return true;
        }
        i += 1;
    }
    events.is_empty()
}

/// Whether the event's declaration was refused, so that there is nothing left to say about it.
pub(super) const fn is_refused(event: &EventInfo) -> bool {
    event.subject.is_empty()
}

macro_rules! part_of_event {
    ($(#[$attribute:meta])* $name:ident: $bound:ident, $method:ident -> $part:ty $(, const $what:ident: $is:ty)?) => {
        $(#[$attribute])*
        pub trait $name {
            $(const $what: $is;)?
            fn $method(&self) -> $part;
        }

        #[diagnostic::do_not_recommend]
        impl<T: $bound> $name for T {
            $(const $what: $is = T::$what;)?
            fn $method(&self) -> $part {
                $bound::$method(self)
            }
        }
    };
}
part_of_event! {
    /// A slot of a subject.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be part of a subject",
        label = "does not make a safe subject token",
        note = "it may contain dots, blanks or wildcards; use a `Uuid`, an integer, a `bool`, an enum with `#[derive(EntityEnum)]`, or a `Token`"
    )]
    Slot: SubjectToken, token -> Cow<'static, str>, const FORM: TokenForm
}
part_of_event! {
    /// A slot of a subject, of a type that is called `Phi`.
    #[diagnostic::on_unimplemented(
        message = "a protected value must not appear in a subject",
        label = "is protected",
        note = "subjects are visible to every operator; use an id that says nothing about the patient"
    )]
    ProtectedSlot: SubjectToken, token -> Cow<'static, str>, const FORM: TokenForm
}
part_of_event! {
    /// An ordering key.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be an ordering key",
        label = "is not an ordering key",
        note = "use a `Uuid`, an integer, a `bool`, a `String`, or a type with `#[derive(EntityValue)]` around one of them"
    )]
    Key: OrderingKey, key -> String
}
part_of_event! {
    /// An ordering key, of a type that is called `Phi`.
    #[diagnostic::on_unimplemented(
        message = "a protected value cannot be an ordering key",
        label = "is protected",
        note = "keys travel in headers, visible to every operator; use an id that says nothing about the patient"
    )]
    ProtectedKey: OrderingKey, key -> String
}
