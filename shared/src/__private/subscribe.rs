//! For `#[subscribe]`.

use std::time::Duration;

use super::event::{Set, is_refused, refused};
use super::message::{Message, in_domain, same, tokens};
use crate::db::Tx;
use crate::error::Result;
use crate::event::subject::{can_match, wildcards};
use crate::event::{Draft, EventInfo, EventSet};
use crate::service::{BoxFuture, FromDelivery, OnUnknown, Outcome, Parts, Retry, States, SubscriberSpec, transaction};
use crate::validate::{Checker, Validate};

/// The first argument of a subscriber. Implemented beside `EventSet` by the derive, not by way of it: then a type
/// that is none is reported with the text of this trait.
#[diagnostic::on_unimplemented(
    message = "a subscriber takes exactly one event, first, but `{Self}` is not an event",
    label = "is not an event",
    note = "take a type with `#[derive(Event)]`: one event, or the enum of a domain"
)]
pub trait Handled {
    /// The type itself. Of a type that is no event this is nothing at all, and the compiler has no more to say.
    type This: EventSet;
    /// [`Open`], for every event.
    type Gate;
    const SET: Set = Set::of::<Self::This>();
}

/// The gate behind which the other arguments and the returned type are judged. Of a subscriber whose event is none
/// it is not known, every trait behind it is then ambiguous for having two impls, and the compiler keeps quiet about
/// that, having already reported the event.
#[derive(Debug)]
pub enum Open {}

/// What the gate might be as well.
#[derive(Debug)]
pub enum Closed {}

/// Another argument of a subscriber.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a subscriber's argument",
    label = "is not an extractor",
    note = "after its one event a subscriber may take `&mut Tx`, `&Db`, `&Bus`, `&Metadata`, `Captures<T>` and `State<T>`, in any order",
    note = "the `T` of a `State<T>` is `Clone`, `Send` and `Sync`; an `Arc` is all of that",
    note = "the `T` of a `Captures<T>` is a `Uuid`, an integer, a `bool`, an enum with `#[derive(EntityEnum)]`, a `Token` or a `String`, or a tuple of these",
    note = "for a type of your own, implement `shared::service::FromDelivery`"
)]
pub trait Extractor<'a, Gate>: Sized {
    const CAPTURES: Option<usize>;

    /// # Errors
    /// See [`FromDelivery::from_delivery`].
    fn extract(parts: Parts<'a>) -> Result<Self>;

    /// # Errors
    /// See [`FromDelivery::check`].
    fn check(states: &States) -> Result<()>;
}

#[diagnostic::do_not_recommend]
impl<'a, T: FromDelivery<'a>> Extractor<'a, Open> for T {
    const CAPTURES: Option<usize> = T::CAPTURES;

    fn extract(parts: Parts<'a>) -> Result<Self> {
        T::from_delivery(parts)
    }

    fn check(states: &States) -> Result<()> {
        <T as FromDelivery<'a>>::check(states)
    }
}

#[diagnostic::do_not_recommend]
impl<'a, T> Extractor<'a, Closed> for T {
    const CAPTURES: Option<usize> = None;

    fn extract(_: Parts<'a>) -> Result<Self> {
        refused()
    }

    fn check(_: &States) -> Result<()> {
        refused()
    }
}

/// What a subscriber may borrow mutably.
#[diagnostic::on_unimplemented(
    message = "`&mut {Self}` cannot be a subscriber's argument",
    label = "is not the transaction",
    note = "the only mutable argument is the transaction, `&mut Tx`; what is shared between calls goes into `State<T>`"
)]
pub trait Mutable<Gate>: Sized {
    /// # Errors
    /// See [`transaction`].
    fn borrow(tx: Option<&mut Tx>) -> Result<&mut Self>;
}

#[diagnostic::do_not_recommend]
impl Mutable<Open> for Tx {
    fn borrow(tx: Option<&mut Tx>) -> Result<&mut Self> {
        transaction(tx)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Mutable<Closed> for T {
    fn borrow(_: Option<&mut Tx>) -> Result<&mut Self> {
        refused()
    }
}

/// What a subscriber returns.
#[diagnostic::on_unimplemented(
    message = "a subscriber cannot return `{Self}`",
    label = "is neither `()`, nor an event, nor a `Result` of these",
    note = "expected `()`, an event, `Option` or `Vec` of events, or a `Result` of these whose error converts into `shared::Error`"
)]
pub trait Returned<Gate> {
    /// # Errors
    /// See [`Outcome::into_drafts`].
    fn into_drafts(self) -> Result<Vec<Draft>>;
}

#[diagnostic::do_not_recommend]
impl<T: Outcome> Returned<Open> for T {
    fn into_drafts(self) -> Result<Vec<Draft>> {
        Outcome::into_drafts(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Returned<Closed> for T {
    fn into_drafts(self) -> Result<Vec<Draft>> {
        refused()
    }
}

/// Checks that the pattern can deliver what the subscriber takes and, unless unknown events are skipped, nothing
/// that is known to be something else.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_subscription(pattern: &str, set: Set, on_unknown: OnUnknown) {
    if any_refused(set.events) || any_refused(set.universe) {
        return;
    }
    if !meets_any(pattern, set) {
        never(pattern, set);
    }
    if matches!(on_unknown, OnUnknown::Skip) {
        return;
    }
    match set.domain {
        Some(domain) => check_domain(pattern, set, domain),
        None => check_single(pattern, set),
    }
}

/// Checks that the pattern has as many `*` as an argument captures.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_captures(pattern: &str, captures: Option<usize>) {
    let Some(wanted) = captures else { return };
    let (given, wanted) = (wildcards(pattern) as u32, wanted as u32);
    if given == wanted {
        return;
    }
    let mut text = Message::new();
    text.push("`Captures` takes ");
    text.push_number(wanted);
    text.push(if wanted == 1 { " token, but " } else { " tokens, but " });
    text.push_quoted(pattern);
    text.push(" has ");
    text.push_number(given);
    text.push(" `*`\nhelp: ");
    text.push(match given {
        0 => "remove this argument, or write `*` in the pattern at the place of what it shall capture",
        1 => "write one type: `Captures<Uuid>`",
        _ => "write a tuple with one type for each `*`: `Captures<(Uuid, Token)>`",
    });
    text.fail();
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

const fn meets_any(pattern: &str, set: Set) -> bool {
    let mut i = 0;
    while i < set.events.len() {
        if can_match(pattern, set.events[i].subject) {
            return true;
        }
        i += 1;
    }
    false
}

#[track_caller]
const fn never(pattern: &str, set: Set) -> ! {
    let mut text = Message::new();
    text.push("`#[subscribe(");
    text.push_quoted(pattern);
    text.push(")]` never receives ");
    match set.domain {
        Some(domain) => {
            text.push("an event of ");
            text.push_code(set.name);
            text.push(if set.events.len() == 1 { ", whose subject is " } else { ", whose subjects are " });
            push_subjects(&mut text, set.events);
            text.push("\nhelp: subscribe to ");
            push_domain_pattern(&mut text, domain, set.events);
        }
        None => {
            text.push_code(set.name);
            text.push(", whose subject is ");
            push_subjects(&mut text, set.events);
            text.push("\nhelp: subscribe to ");
            text.push_pattern_of(set.events[0].subject);
        }
    }
    text.fail()
}

#[track_caller]
const fn check_domain(pattern: &str, set: Set, domain: &str) {
    if !in_domain(pattern, domain) {
        let mut text = delivers(pattern);
        text.push("events outside of the domain ");
        text.push_code(domain);
        text.push(", which ");
        text.push_code(set.name);
        text.push(" does not handle\nhelp: subscribe to ");
        push_domain_pattern(&mut text, domain, set.events);
        text.fail();
    }
    let mut i = 0;
    while i < set.universe.len() {
        let event = set.universe[i];
        if can_match(pattern, event.subject) && !contains(set.events, event) {
            let mut text = delivers(pattern);
            text.push_quoted(event.subject);
            text.push(", which ");
            text.push_code(set.name);
            text.push(" does not handle\nhelp: take ");
            text.push_code(set.whole);
            text.push(", or subscribe to ");
            push_patterns(&mut text, set.events);
            if set.events.len() > 1 {
                text.push(" one by one");
            }
            text.fail();
        }
        i += 1;
    }
}

#[track_caller]
const fn check_single(pattern: &str, set: Set) {
    let event = set.events[0];
    if !stays_within(pattern, event.subject) {
        let mut text = delivers(pattern);
        text.push("events other than ");
        text.push_quoted(event.subject);
        text.push(", which ");
        text.push_code(set.name);
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
        text.push(separator(i, events.len()));
        text.push_quoted(events[i].subject);
        i += 1;
    }
}

/// `"a", "b" and "c"`, as patterns: with `*` for slots.
const fn push_patterns(text: &mut Message, events: &[&EventInfo]) {
    let mut i = 0;
    while i < events.len() {
        text.push(separator(i, events.len()));
        text.push_pattern_of(events[i].subject);
        i += 1;
    }
}

/// What stands before the item of a list.
const fn separator(index: usize, of: usize) -> &'static str {
    if index == 0 {
        ""
    } else if index + 1 == of {
        " and "
    } else {
        ", "
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

/// What a subscriber's call is.
pub type Drafts<'a> = BoxFuture<'a, Result<Vec<Draft>>>;

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
    retry: retry(1, 0, 0),
    on_unknown: OnUnknown::Park,
    timeout: Duration::ZERO,
};

/// The retries of a subscriber, pauses in milliseconds.
#[must_use]
pub const fn retry(max: u32, base: u64, cap: u64) -> Retry {
    Retry { max, base: Duration::from_millis(base), cap: Duration::from_millis(cap) }
}
