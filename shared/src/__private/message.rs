//! Texts built while the program is compiled: messages of checks that run in constants.

use crate::event::subject::TokenForm;

const CAPACITY: usize = 4096;

/// A text that a `const fn` can build. What does not fit is cut off.
pub(super) struct Message {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Message {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
    }

    /// Appends a text, whole or not at all, so that the result stays UTF-8.
    pub(super) const fn push(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if self.len + bytes.len() > CAPACITY {
            return;
        }
        let mut i = 0;
        while i < bytes.len() {
            self.bytes[self.len] = bytes[i];
            self.len += 1;
            i += 1;
        }
    }

    /// Appends `` `name` ``.
    pub(super) const fn push_code(&mut self, name: &str) {
        self.push("`");
        self.push(name);
        self.push("`");
    }

    /// Appends `"subject"`.
    pub(super) const fn push_quoted(&mut self, subject: &str) {
        self.push("\"");
        self.push(subject);
        self.push("\"");
    }

    /// Appends a number in decimal digits.
    pub(super) const fn push_number(&mut self, number: u32) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        let at = (number % 10) as usize;
        self.push("0123456789".split_at(at).1.split_at(1).0);
    }

    /// Appends `"subject"` as a pattern for exactly this subject: with `*` for each slot.
    pub(super) const fn push_pattern_of(&mut self, subject: &str) {
        self.push("\"");
        let bytes = subject.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            let (token, rest) = split_token(subject, i);
            if i > 0 {
                self.push(".");
            }
            let first = bytes[i];
            self.push(if first == b'{' { "*" } else { token });
            i = rest;
        }
        self.push("\"");
    }

    /// Appends the form in words, with an article.
    pub(super) const fn push_form(&mut self, form: TokenForm) {
        let texts = match form {
            TokenForm::Any => return self.push("a token"),
            TokenForm::Uuid => return self.push("a `Uuid`"),
            TokenForm::Integer { signed: true } => return self.push("an integer"),
            TokenForm::Integer { signed: false } => return self.push("an unsigned integer"),
            TokenForm::Bool => return self.push("a `bool`"),
            TokenForm::OneOf(texts) => texts,
        };
        self.push("one of ");
        let mut i = 0;
        while i < texts.len() {
            self.push(separator(i, texts.len()));
            self.push_quoted(texts[i]);
            i += 1;
        }
    }

    pub(super) const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "the message of this check is not UTF-8",
        }
    }

    /// Ends the compilation with this message, at the place that called the check.
    #[track_caller]
    pub(super) const fn fail(&self) -> ! {
        panic!("{}", self.as_str())
    }
}

/// What stands before the item of a list.
pub(super) const fn separator(index: usize, of: usize) -> &'static str {
    if index == 0 {
        ""
    } else if index + 1 == of {
        " and "
    } else {
        ", "
    }
}

/// The token at `start` and the start of the next one.
pub(super) const fn split_token(subject: &str, start: usize) -> (&str, usize) {
    let bytes = subject.as_bytes();
    let mut end = start;
    while end < bytes.len() && bytes[end] != b'.' {
        end += 1;
    }
    let token = subject.split_at(start).1.split_at(end - start).0;
    (token, end + 1)
}

/// How many tokens a subject has.
pub(super) const fn tokens(subject: &str) -> usize {
    let bytes = subject.as_bytes();
    let (mut i, mut count) = (0, 1);
    while i < bytes.len() {
        if bytes[i] == b'.' {
            count += 1;
        }
        i += 1;
    }
    count
}

/// Whether two declared subjects are the same to the bus: slots may have other names.
pub(super) const fn same_subjects(a: &str, b: &str) -> bool {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let (token, next) = split_token(a, i);
        let (other, other_next) = split_token(b, j);
        let slots = starts_with(token, "{") && starts_with(other, "{");
        if !slots && !same(token, other) {
            return false;
        }
        (i, j) = (next, other_next);
    }
    i >= a.len() && j >= b.len()
}

/// `==` of texts, for constants.
pub(super) const fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && starts_with(a, b)
}

/// `starts_with` of texts, for constants.
pub(super) const fn starts_with(text: &str, start: &str) -> bool {
    let (text, start) = (text.as_bytes(), start.as_bytes());
    if text.len() < start.len() {
        return false;
    }
    let mut i = 0;
    while i < start.len() {
        if text[i] != start[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether a subject or pattern is of a domain: the domain's tokens and more.
pub(super) const fn in_domain(subject: &str, domain: &str) -> bool {
    starts_with(subject, domain) && subject.len() > domain.len() + 1 && subject.as_bytes()[domain.len()] == b'.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_built_in_constants() {
        const TEXT: &str = {
            const BUILT: Message = {
                let mut text = Message::new();
                text.push_code("X");
                text.push(" is ");
                text.push_quoted("a.b");
                text.push(", not ");
                text.push_pattern_of("clinic.{clinic_id}.opened");
                text.push(", ");
                text.push_number(1_203);
                text
            };
            BUILT.as_str()
        };
        assert_eq!(TEXT, "`X` is \"a.b\", not \"clinic.*.opened\", 1203");
    }

    #[test]
    fn what_slots_are_called_makes_no_other_subject() {
        for (a, b, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.b", "a.b.c", false),
            ("a.{x}.c", "a.{y}.c", true),
            ("a.{x}.c", "a.{x}.d", false),
            ("a.{x}.c", "a.b.c", false),
            ("a.{x}", "a.{y}.{z}", false),
        ] {
            assert_eq!(same_subjects(a, b), expected, "{a} and {b}");
            assert_eq!(same_subjects(b, a), expected, "{b} and {a}");
        }
    }

    #[test]
    fn a_text_that_does_not_fit_is_cut() {
        let mut text = Message::new();
        text.push("kept");
        text.push(&"x".repeat(CAPACITY));
        assert_eq!(text.as_str(), "kept");
    }

    #[test]
    fn a_domain_is_its_first_tokens() {
        assert!(in_domain("appointment.scheduled", "appointment"));
        assert!(in_domain("clinic.billing.issued", "clinic.billing"));
        assert!(!in_domain("appointment", "appointment"));
        assert!(!in_domain("appointments.scheduled", "appointment"));
    }
}
