//! One pattern and one subject.

/// Whether a pattern covers a subject. Both may be declarations: a slot in the subject is covered by `*`, `>`
/// or an equal slot; a literal token of the pattern does not cover it, since the slot has other values too.
///
/// A subject with an empty token is covered by nothing, as on a NATS server.
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
        if s_end == s {
            return false;
        }
        let single = p_end == p + 1;
        if single && pattern[p] == b'>' {
            return p_end == pattern.len() && !has_empty_token(subject, s_end + 1);
        }
        if !(single && pattern[p] == b'*') {
            let meets = slot_meets_literal && is_slot(subject, s, s_end);
            if !meets && !equal(pattern, p, p_end, subject, s, s_end) {
                return false;
            }
        }
        p = p_end + 1;
        s = s_end + 1;
    }
}

/// Whether one of the tokens from `start` on is empty. Past the end there are none.
pub(super) const fn has_empty_token(subject: &[u8], start: usize) -> bool {
    let mut i = start;
    while i <= subject.len() {
        let end = token_end(subject, i);
        if end == i {
            return true;
        }
        i = end + 1;
    }
    false
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
            ("*", "", false),
            (">", "a..b", false),
            (">", "a.", false),
            ("a.*.b", "a..b", false),
            ("a.b*.>", "a.b*.>", true),
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
}
