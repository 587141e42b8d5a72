//! Subjects and patterns: one matcher for compile time and run time.
//!
//! A subject is made of tokens separated by dots. In a pattern `*` stands for one token and `>` for one
//! or more at the end (<https://docs.nats.io/nats-concepts/subjects>). An event's declared subject may
//! have slots, `clinic.{clinic_id}.appointment.scheduled`; a slot stands for any one token.

use std::borrow::Cow;

use uuid::Uuid;

/// Whether a pattern covers a subject. Both may be declarations: a slot in the subject is covered by `*`, `>`
/// or an equal slot; a literal token of the pattern does not cover it, since the slot has other values too.
///
/// ```
/// use shared::event::subject::covers;
///
/// const BOOKED: bool = covers("appointment.*", "appointment.scheduled");
/// assert!(BOOKED);
/// assert!(covers("appointment.>", "appointment.a.b"));
/// assert!(!covers("appointment.*", "appointment"));
/// ```
#[must_use]
pub const fn covers(pattern: &str, subject: &str) -> bool {
    relate(pattern.as_bytes(), subject.as_bytes(), false)
}

/// Whether a pattern can match some concrete subject of a declaration: like [`covers`], but a literal token
/// of the pattern also meets a slot of the subject.
#[must_use]
pub const fn can_match(pattern: &str, subject: &str) -> bool {
    relate(pattern.as_bytes(), subject.as_bytes(), true)
}

/// Whether the pattern has a wildcard.
#[must_use]
pub const fn has_wildcard(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let end = token_end(bytes, i);
        if end == i + 1 && (bytes[i] == b'*' || bytes[i] == b'>') {
            return true;
        }
        i = end + 1;
    }
    false
}

const fn relate(pattern: &[u8], subject: &[u8], slot_meets_literal: bool) -> bool {
    let (mut p, mut s) = (0, 0);
    loop {
        // an index past the end means that the tokens are used up
        let (pattern_done, subject_done) = (p > pattern.len(), s > subject.len());
        if pattern_done || subject_done {
            return pattern_done && subject_done;
        }
        let (p_end, s_end) = (token_end(pattern, p), token_end(subject, s));
        let single = p_end == p + 1;
        if single && pattern[p] == b'>' {
            return p_end == pattern.len() && s_end > s;
        }
        if single && pattern[p] == b'*' {
            if s_end == s {
                return false;
            }
        } else {
            let meets = slot_meets_literal && is_slot(subject, s, s_end);
            if !meets && !equal(pattern, p, p_end, subject, s, s_end) {
                return false;
            }
        }
        p = p_end + 1;
        s = s_end + 1;
    }
}

const fn token_end(bytes: &[u8], mut i: usize) -> usize {
    while i < bytes.len() && bytes[i] != b'.' {
        i += 1;
    }
    i
}

const fn is_slot(bytes: &[u8], start: usize, end: usize) -> bool {
    end > start + 1 && bytes[start] == b'{' && bytes[end - 1] == b'}'
}

const fn equal(a: &[u8], a_start: usize, a_end: usize, b: &[u8], b_start: usize, b_end: usize) -> bool {
    if a_end - a_start != b_end - b_start {
        return false;
    }
    let mut i = 0;
    while a_start + i < a_end {
        if a[a_start + i] != b[b_start + i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The first token of a subject or pattern: its domain.
#[must_use]
pub fn domain(subject: &str) -> &str {
    subject.split('.').next().unwrap_or(subject)
}

/// Why a text is no subject to publish to, or `None` when it is one: non-empty tokens without blanks,
/// control characters or wildcards, not reserved (`$…`, `_INBOX…`), at most 255 bytes.
#[must_use]
pub fn defect(subject: &str) -> Option<&'static str> {
    if subject.is_empty() {
        return Some("it is empty");
    }
    if subject.len() > 255 {
        return Some("it is longer than 255 bytes");
    }
    if subject.starts_with('$') || subject.starts_with("_INBOX") {
        return Some("it is reserved by NATS");
    }
    if subject.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        return Some("it contains a blank or a control character");
    }
    subject.split('.').find_map(|token| match token {
        "" => Some("it has an empty token"),
        "*" | ">" => Some("it has a wildcard; events are published to one concrete subject"),
        _ => None,
    })
}

/// Why a text is no pattern to subscribe to, or `None` when it is one.
#[must_use]
pub fn pattern_defect(pattern: &str) -> Option<&'static str> {
    let tokens: Vec<&str> = pattern.split('.').collect();
    for (i, token) in tokens.iter().enumerate() {
        match *token {
            ">" if i + 1 != tokens.len() => return Some("`>` must be the last token"),
            "*" | ">" => {}
            _ if token.contains(['*', '>']) => return Some("a wildcard must stand alone in its token"),
            _ => {}
        }
    }
    let concrete: Vec<&str> = tokens.iter().map(|t| if matches!(*t, "*" | ">") { "x" } else { t }).collect();
    defect(&concrete.join("."))
}

/// Types that may fill a slot of a subject: their text is always exactly one token.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a subject",
    label = "does not make a safe subject token",
    note = "a text may contain dots, blanks or wildcards, and a protected value must not appear in a subject: subjects are visible to every operator",
    note = "use a `Uuid`, an integer or a `bool`"
)]
pub trait SubjectToken {
    /// The token.
    fn token(&self) -> Cow<'static, str>;
}

/// Types that may be an ordering key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an ordering key",
    label = "is not an ordering key",
    note = "an ordering key is a `Uuid`, an integer, a `bool`, a `String`, or a type with `#[derive(EntityValue)]` around one of them",
    note = "a protected value (`Phi`) cannot be an ordering key: keys travel in headers, visible to every operator"
)]
pub trait OrderingKey {
    /// The key as text.
    fn key(&self) -> String;
}

macro_rules! plain {
    ($($t:ty),*) => {$(
        impl SubjectToken for $t {
            fn token(&self) -> Cow<'static, str> { Cow::Owned(self.to_string()) }
        }
        impl OrderingKey for $t {
            fn key(&self) -> String { self.to_string() }
        }
    )*};
}
plain!(Uuid, u8, u16, u32, u64, i8, i16, i32, i64, bool);

impl OrderingKey for String {
    fn key(&self) -> String {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_subjects_as_nats_has_it() {
        for (pattern, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("a.>", "a", false),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c", true),
            (">", "a", true),
            ("*", "a", true),
            ("*.b", "a.b", true),
            ("*.b", "a.c", false),
            ("a*", "ab", false),
            ("a.b.c", "a.b", false),
        ] {
            assert_eq!(covers(pattern, subject), expected, "{pattern} over {subject}");
        }
    }

    #[test]
    fn a_slot_is_covered_by_a_wildcard_and_met_by_a_literal() {
        let subject = "clinic.{clinic_id}.opened";
        assert!(covers("clinic.*.opened", subject));
        assert!(covers("clinic.>", subject));
        assert!(!covers("clinic.7.opened", subject));
        assert!(can_match("clinic.7.opened", subject));
        assert!(!can_match("clinic.7.closed", subject));
    }

    #[test]
    fn defects_are_named() {
        assert_eq!(defect("appointment.scheduled"), None);
        for bad in ["", ".", "a..b", "a b", "a.*", "$JS.x", "_INBOX.x", "a.\u{7}"] {
            assert!(defect(bad).is_some(), "{bad:?}");
        }
        assert_eq!(pattern_defect("a.*.>"), None);
        for bad in ["", "a.>.b", "a*", "a..b", "a. b"] {
            assert!(pattern_defect(bad).is_some(), "{bad:?}");
        }
    }
}
