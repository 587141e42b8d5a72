//! A pattern beside the declared subject of an event, token by token.

use super::message::{same, split_token, starts_with};
use crate::event::EventInfo;
use crate::event::subject::{TokenForm, can_match};

/// The tokens of a pattern and of a subject that it can match, in pairs, up to a `>`.
pub(super) struct Pairs<'a> {
    pattern: &'a str,
    event: &'a EventInfo,
    /// Where the next tokens begin.
    at: (usize, usize),
    slots: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) pattern: &'a str,
    pub(super) subject: &'a str,
    /// What the slot looks like, if it is one.
    pub(super) slot: Option<TokenForm>,
}

impl<'a> Pairs<'a> {
    pub(super) const fn of(pattern: &'a str, event: &'a EventInfo) -> Self {
        Self { pattern, event, at: (0, 0), slots: 0 }
    }

    pub(super) const fn next(&mut self) -> Option<Pair<'a>> {
        if self.at.0 >= self.pattern.len() || self.at.1 >= self.event.subject.len() {
            return None;
        }
        let (pattern, p) = split_token(self.pattern, self.at.0);
        let (subject, s) = split_token(self.event.subject, self.at.1);
        if same(pattern, ">") {
            return None;
        }
        self.at = (p, s);
        let mut slot = None;
        if starts_with(subject, "{") {
            // an event that is declared by hand need not say what its slots look like
            slot =
                Some(if self.slots < self.event.slots.len() { self.event.slots[self.slots] } else { TokenForm::Any });
            self.slots += 1;
        }
        Some(Pair { pattern, subject, slot })
    }
}

/// The first literal token of the pattern that the slot at its place never is.
pub(super) const fn misfit<'a>(pattern: &'a str, event: &'a EventInfo) -> Option<Pair<'a>> {
    let mut pairs = Pairs::of(pattern, event);
    while let Some(pair) = pairs.next() {
        if let Some(form) = pair.slot
            && !same(pair.pattern, "*")
            && !form.accepts(pair.pattern)
        {
            return Some(pair);
        }
    }
    None
}

/// Whether the pattern delivers the event, with some of the values that its slots may have.
pub(super) const fn delivers(pattern: &str, event: &EventInfo) -> bool {
    can_match(pattern, event.subject) && misfit(pattern, event).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: &[TokenForm] = &[TokenForm::Integer { signed: false }, TokenForm::Bool];
    const EVENT: EventInfo = EventInfo::new("Opened", "opened", "clinic.{id}.opened.{early}").with_slots(SLOTS);

    #[test]
    fn a_pattern_delivers_what_its_literals_can_be_values_of() {
        for (pattern, expected) in [
            ("clinic.*.opened.*", true),
            ("clinic.7.opened.*", true),
            ("clinic.7.opened.true", true),
            ("clinic.>", true),
            ("clinic.7.>", true),
            ("clinic.seven.>", false),
            ("clinic.*.opened.maybe", false),
            ("clinic.7.closed.true", false),
        ] {
            assert_eq!(delivers(pattern, &EVENT), expected, "{pattern}");
        }
        let misfit = misfit("clinic.7.opened.maybe", &EVENT).expect("it is no `bool`");
        assert_eq!((misfit.pattern, misfit.subject, misfit.slot), ("maybe", "{early}", Some(TokenForm::Bool)));
    }

    #[test]
    fn slots_that_are_not_described_are_anything() {
        const BY_HAND: EventInfo = EventInfo::new("Opened", "opened", "clinic.{id}.opened");
        assert!(delivers("clinic.seven.opened", &BY_HAND));
    }
}
