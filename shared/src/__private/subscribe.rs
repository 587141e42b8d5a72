//! For `#[subscribe]`.

use std::time::Duration;

use super::event::{is_refused, refused};
use super::message::{Message, in_domain, same, tokens};
use crate::db::Tx;
use crate::error::Result;
use crate::event::subject::can_match;
use crate::event::{EventInfo, EventSet};
use crate::service::{FromDelivery, OnUnknown, Outcome, Retry, SubscriberSpec, transaction};
use crate::validate::{Checker, Validate};

/// The first argument of a subscriber. Implemented beside `EventSet` by the derive, not by way of it: then a type
/// that is none is reported with the text of this trait.
#[diagnostic::on_unimplemented(
    message = "a subscriber takes exactly one event, first, but `{Self}` is not an event",
    label = "is not an event",
    note = "take a type with `#[derive(Event)]`: one event, or the enum of a domain"
)]
pub trait Handled {
    type This: EventSet;
}


/// Another argument of a subscriber. `Event` only says whether there is anything to judge: a subscriber whose event
/// is none has been told so.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a subscriber's argument",
    label = "is not an extractor",
    note = "after the event a subscriber may take `&mut Tx`, `&Db`, `&Bus`, `&Metadata` and `State<T>`, in any order",
    note = "for a type of your own, implement `shared::service::FromDelivery`"
)]
pub trait Extractor<'a, Event> {
    type This: FromDelivery<'a>;
}

#[diagnostic::do_not_recommend]
impl<'a, Event, T: FromDelivery<'a>> Extractor<'a, Event> for T {
    type This = T;
}

/// What a subscriber may borrow mutably.
#[diagnostic::on_unimplemented(
    message = "`&mut {Self}` cannot be a subscriber's argument",
    label = "is not the transaction",
    note = "the only mutable argument is the transaction, `&mut Tx`; what is shared between calls goes into `State<T>`"
)]
pub trait Mutable<Event>: Sized {
    /// # Errors
    /// See [`transaction`].
    fn borrow(tx: Option<&mut Tx>) -> Result<&mut Self>;
}

#[diagnostic::do_not_recommend]
impl<Event> Mutable<Event> for Tx {
    fn borrow(tx: Option<&mut Tx>) -> Result<&mut Self> {
        transaction(tx)
    }
}

/// What a subscriber returns.
#[diagnostic::on_unimplemented(
    message = "a subscriber cannot return `{Self}`",
    label = "is neither `()` nor an event",
    note = "expected `()`, an event, `Option` or `Vec` of events, or a `Result` of these whose error converts into `shared::Error`"
)]
pub trait Returned<Event> {
    type This: Outcome;
}

#[diagnostic::do_not_recommend]
impl<Event, T: Outcome> Returned<Event> for T {
    type This = T;
}

/// Checks that the pattern can deliver what the subscriber takes and, unless unknown events are skipped, nothing
/// that is known to be something else.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_subscription<Set: EventSet>(pattern: &str, on_unknown: OnUnknown) {
    if any_refused(Set::EVENTS) || any_refused(Set::UNIVERSE) {
        return;
    }
    if !meets_any::<Set>(pattern) {
        never::<Set>(pattern);
    }
    if matches!(on_unknown, OnUnknown::Skip) {
        return;
    }
    match Set::DOMAIN {
        Some(domain) => check_domain::<Set>(pattern, domain),
        None => check_single::<Set>(pattern),
    }
}

const fn any_refused(events: &[&EventInfo]) -> bool {
    let mut i = 0;
    while i < events.len() {
        if is_refused(events[i]) {
            return true;
        }
        i += 1;
    }
    events.is_empty()
}

const fn meets_any<Set: EventSet>(pattern: &str) -> bool {
    let mut i = 0;
    while i < Set::EVENTS.len() {
        if can_match(pattern, Set::EVENTS[i].subject) {
            return true;
        }
        i += 1;
    }
    false
}

#[track_caller]
const fn never<Set: EventSet>(pattern: &str) -> ! {
    let mut text = Message::new();
    text.push("`#[subscribe(");
    text.push_quoted(pattern);
    text.push(")]` never receives ");
    match Set::DOMAIN {
        Some(domain) => {
            text.push("an event of ");
            text.push_code(<Set as Validate>::NAME);
            text.push(if Set::EVENTS.len() == 1 { ", whose subject is " } else { ", whose subjects are " });
            push_subjects(&mut text, Set::EVENTS);
            text.push("\nhelp: subscribe to ");
            push_domain_pattern(&mut text, domain, Set::EVENTS);
        }
        None => {
            text.push_code(<Set as Validate>::NAME);
            text.push(", whose subject is ");
            push_subjects(&mut text, Set::EVENTS);
            text.push("\nhelp: subscribe to ");
            text.push_pattern_of(Set::EVENTS[0].subject);
        }
    }
    text.fail()
}

#[track_caller]
const fn check_domain<Set: EventSet>(pattern: &str, domain: &str) {
    if !in_domain(pattern, domain) {
        let mut text = delivers(pattern);
        text.push("events outside of the domain ");
        text.push_code(domain);
        text.push(", which ");
        text.push_code(<Set as Validate>::NAME);
        text.push(" does not handle\nhelp: subscribe to ");
        push_domain_pattern(&mut text, domain, Set::EVENTS);
        text.fail();
    }
    let mut i = 0;
    while i < Set::UNIVERSE.len() {
        let event = Set::UNIVERSE[i];
        if can_match(pattern, event.subject) && !contains(Set::EVENTS, event) {
            let mut text = delivers(pattern);
            text.push_quoted(event.subject);
            text.push(", which ");
            text.push_code(<Set as Validate>::NAME);
            text.push(" does not handle\nhelp: take ");
            text.push_code(Set::WHOLE);
            text.push(", or subscribe to ");
            push_subjects(&mut text, Set::EVENTS);
            if Set::EVENTS.len() > 1 {
                text.push(" one by one");
            }
            text.fail();
        }
        i += 1;
    }
}

#[track_caller]
const fn check_single<Set: EventSet>(pattern: &str) {
    let event = Set::EVENTS[0];
    if !stays_within(pattern, event.subject) {
        let mut text = delivers(pattern);
        text.push("events other than ");
        text.push_quoted(event.subject);
        text.push(", which ");
        text.push_code(<Set as Validate>::NAME);
        text.push(" does not handle\nhelp: take the enum of the domain, or subscribe to ");
        text.push_pattern_of(event.subject);
        text.fail();
    }
}

const fn delivers(pattern: &str) -> Message {
    let mut text = Message::new();
    text.push("`");
    text.push_quoted(pattern);
    text.push("` also delivers ");
    text
}

/// Whether a pattern that meets the subject has wildcards for its slots only.
const fn stays_within(pattern: &str, subject: &str) -> bool {
    let (pattern, subject) = (pattern.as_bytes(), subject.as_bytes());
    let (mut p, mut s) = (0, 0);
    while p < pattern.len() && s < subject.len() {
        match pattern[p] {
            b'>' => return false,
            b'*' if subject[s] != b'{' => return false,
            _ => {}
        }
        while p < pattern.len() && pattern[p] != b'.' {
            p += 1;
        }
        while s < subject.len() && subject[s] != b'.' {
            s += 1;
        }
        p += 1;
        s += 1;
    }
    true
}

const fn contains(events: &[&EventInfo], event: &EventInfo) -> bool {
    let mut i = 0;
    while i < events.len() {
        if same(events[i].subject, event.subject) && same(events[i].event_type, event.event_type) {
            return true;
        }
        i += 1;
    }
    false
}

/// `"a", "b" and "c"`.
const fn push_subjects(text: &mut Message, events: &[&EventInfo]) {
    let mut i = 0;
    while i < events.len() {
        if i > 0 {
            text.push(if i + 1 == events.len() { " and " } else { ", " });
        }
        text.push_quoted(events[i].subject);
        i += 1;
    }
}

/// The pattern that delivers every event of the domain.
const fn push_domain_pattern(text: &mut Message, domain: &str, events: &[&EventInfo]) {
    let mut flat = true;
    let mut i = 0;
    while i < events.len() {
        flat &= tokens(events[i].subject) == tokens(domain) + 1;
        i += 1;
    }
    text.push("\"");
    text.push(domain);
    text.push(if flat { ".*\"" } else { ".>\"" });
}

/// The event of a subscriber whose declaration was refused.
#[derive(Debug)]
pub enum NoEvent {}

impl Validate for NoEvent {
    const NAME: &'static str = "";

    fn check(&self, _: &mut Checker) {}
}

impl EventSet for NoEvent {
    const EVENTS: &'static [&'static EventInfo] = &[];
    const SUBJECTS: &'static [&'static str] = &[];
    const DOMAIN: Option<&'static str> = None;
    const UNIVERSE: &'static [&'static EventInfo] = &[];

    fn decode_as(_: &str, _: Option<u32>, _: &[u8]) -> Result<Self> {
        refused()
    }
}

/// The options of a subscriber whose declaration was refused.
pub const NO_SPEC: SubscriberSpec = SubscriberSpec {
    name: "",
    pattern: "",
    module: "",
    file: "",
    line: 0,
    transactional: false,
    concurrency: 1,
    retry: Retry { max: 1, base: Duration::ZERO, cap: Duration::ZERO },
    on_unknown: OnUnknown::Park,
    timeout: Duration::ZERO,
};
