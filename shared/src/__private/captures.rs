//! For the arguments of `#[subscribe]` that are read from the subject.

use super::event::any_refused;
use super::message::{Message, same};
use super::pairs::{Pair, Pairs, delivers};
use crate::event::subject::{TokenForm, wildcards};
use crate::event::{EventInfo, EventSet};
use crate::service::Subscribe;

/// Checks that the pattern has as many `*` as an argument captures, and that it can be read from what the events have
/// there.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_captures<S: Subscribe>(captures: Option<&[TokenForm]>) {
    let Some(forms) = captures else { return };
    let (pattern, events) = (S::SPEC.pattern, <S::Event as EventSet>::EVENTS);
    if wildcards(pattern) != forms.len() {
        another_number(pattern, forms.len());
    }
    if any_refused(events) {
        return;
    }
    let mut i = 0;
    while i < events.len() {
        if delivers(pattern, events[i]) {
            check_event(pattern, events[i], forms);
        }
        i += 1;
    }
}

#[track_caller]
const fn another_number(pattern: &str, wanted: usize) -> ! {
    let given = wildcards(pattern);
    let mut text = Message::new();
    text.push("`Captures` takes ");
    text.push_number(wanted as u32);
    text.push(if wanted == 1 { " token, but " } else { " tokens, but " });
    text.push_quoted(pattern);
    text.push(" has ");
    text.push_number(given as u32);
    text.push(" `*`\nhelp: ");
    text.push(match given {
        0 => "remove this argument, or write `*` in the pattern at the place of what it shall capture",
        1 => "write one type: `Captures<Uuid>`",
        _ => "write a tuple with one type for each `*`: `Captures<(Uuid, Token)>`",
    });
    text.fail()
}

#[track_caller]
const fn check_event(pattern: &str, event: &EventInfo, forms: &[TokenForm]) {
    let mut pairs = Pairs::of(pattern, event);
    let mut captured = 0;
    while let Some(pair) = pairs.next() {
        if same(pair.pattern, "*") {
            let form = forms[captured];
            captured += 1;
            let fits = match pair.slot {
                Some(slot) => form.meets(slot),
                None => form.accepts(pair.subject),
            };
            if !fits {
                another_type(event, pair, form);
            }
        }
    }
}

#[track_caller]
const fn another_type(event: &EventInfo, pair: Pair<'_>, form: TokenForm) -> ! {
    let mut text = Message::new();
    text.push("`Captures` reads ");
    text.push_form(form);
    text.push(" where ");
    text.push_code(event.name);
    text.push(" (");
    text.push_quoted(event.subject);
    text.push(") has ");
    match pair.slot {
        Some(slot) => {
            text.push_code(pair.subject);
            text.push(", ");
            text.push_form(slot);
            text.push("\nhelp: capture the type of that field");
        }
        None => {
            text.push_quoted(pair.subject);
            text.push("\nhelp: capture a `Token`, or write a pattern whose `*` stands for the slot alone");
        }
    }
    text.fail()
}
