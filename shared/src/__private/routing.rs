//! For the pattern of `#[subscribe]`: what it delivers, against what the subscriber takes.

use super::event::{Set, any_refused};
use super::message::{Message, in_domain, same, separator, tokens};
use super::pairs::{Pair, delivers, misfit};
use crate::event::EventInfo;
use crate::event::subject::can_match;
use crate::service::OnUnknown;

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

/// Checks that there are keys by which the events can be parted.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_partitions(set: Set) {
    let mut i = 0;
    while i < set.events.len() {
        // of an event that says nothing about itself nobody knows
        if set.events[i].schema.key.is_some() || set.events[i].decodes.is_none() {
            return;
        }
        i += 1;
    }
    if set.events.is_empty() {
        return;
    }
    let mut text = Message::new();
    text.push("`partitions` parts events by their ordering keys, but ");
    text.push_code(set.name);
    text.push(
        " has none\nhelp: remove it, since all replicas share events without keys anyway; or give the event a key: ",
    );
    text.push("`#[event(.., key = field)]`");
    text.fail()
}

const fn meets_any(pattern: &str, set: Set) -> bool {
    let mut i = 0;
    while i < set.events.len() {
        if delivers(pattern, set.events[i]) {
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
    let mut i = 0;
    while i < set.events.len() {
        let event = set.events[i];
        if can_match(pattern, event.subject)
            && let Some(Pair { pattern: literal, subject: slot, slot: Some(form) }) = misfit(pattern, event)
        {
            text.push_code(event.name);
            text.push(": in ");
            text.push_quoted(event.subject);
            text.push(" the slot ");
            text.push_code(slot);
            text.push(" is ");
            text.push_form(form);
            text.push(", which ");
            text.push_quoted(literal);
            text.push(" is not\nhelp: write a value of the slot, or `*`: ");
            text.push_pattern_of(event.subject);
            text.fail();
        }
        i += 1;
    }
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
        let mut text = also_delivers(pattern);
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
        if delivers(pattern, event) && !contains(set.events, event) {
            let mut text = also_delivers(pattern);
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
        let mut text = also_delivers(pattern);
        text.push("events other than ");
        text.push_quoted(event.subject);
        text.push(", which ");
        text.push_code(set.name);
        text.push(" does not handle\nhelp: take the enum of the domain, or subscribe to ");
        text.push_pattern_of(event.subject);
        text.fail();
    }
}

const fn also_delivers(pattern: &str) -> Message {
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
